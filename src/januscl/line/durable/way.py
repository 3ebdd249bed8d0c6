"""One novelty's way from its campaign to the fleet, as one durable workflow.

`Way.run` is the story. A step that has ended is never taken again, whatever is killed; one that was
under way is taken again, and does no harm by it (see `januscl.line.durable.steps`). Only heavy
work goes through a queue: to wait days for a person or for picks takes no slot of it.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from dbos import DBOS, WorkflowHandle

from januscl.core import Answer, JobFailed, NoveltyState, StorageFull
from januscl.core.wire import digest_of
from januscl.line.durable.rollout import Rollout
from januscl.line.durable.shop import Shop
from januscl.line.durable.steps import NOTHING, OVER, WAIT, Steps
from januscl.line.durable.telling import progress_of
from januscl.line.elsewhere import place_of
from januscl.line.judging import CONFIDENCE, TEMPERED
from januscl.train.settings import Settings

QUEUE = "januscl-heavy"
"""Of the heavy jobs; how many run at once is set in `januscl.line.durable.engine`."""
QUICK = "januscl-quick"
"""Of jobs that cannot wait behind a training: robots keep raw images for minutes."""
_TRAIN = "januscl.line.jobs:train_challenger"
_JUDGE = "januscl.line.durable.jobs:judge_challenger"
_TEMPER = "januscl.line.durable.jobs:temper_challenger"
_NOVEL = "januscl.line.durable.images:preserve_for_campaign"
_FAULTY = "januscl.line.durable.images:preserve_for_ticket"
_OF_A_FAULT = 24
"""Raw images that are kept of each fault."""
_PATIENCE = 1 / 20
"""Of the time that was waited, the part that is waited until the next look."""
_LONGEST, _LONGEST_REST = 300.0, 3600.0
_TRIES = 5


class Failed(Exception):
    """Raised in a workflow when a step did not succeed; the message says why."""


class Way:
    """The workflow of a novelty, and that of a heavy job, for `januscl.line.durable.engine`.

    Args:
        shop: What the steps share.
        pause: Seconds between two looks at first; they grow with the time that was waited.
        rollout: The steps of a release.

    Attributes:
        resting: Ids of the workflows that wait for a time, and do nothing meanwhile.
        heavy: `run_heavy` as a workflow of its own, which whoever registers it puts here.
    """

    def __init__(self, shop: Shop, pause: float = 1.0, rollout: Rollout | None = None) -> None:
        self._shop, self._pause = shop, pause
        self._steps, self._rollout = Steps(shop), rollout or Rollout(shop)
        self.resting: set[str] = set()
        self.heavy: Callable[[str, dict[str, Any], str], dict[str, Any]] = self.run_heavy

    def run(self, novelty: str) -> str:
        """Take a novelty through rounds of labels and training until its model runs everywhere.

        Args:
            novelty: Its id; it has a campaign.

        Returns:
            The state that it ended in.
        """
        campaign = self._do(self._steps.campaign, novelty)
        if campaign:
            self._preserve(_NOVEL, campaign, "campaign")
        failures = 0
        while True:
            try:
                ended = self._round(novelty)
                failures = 0
            except Failed as failed:
                failures += 1
                ended = self._give_back(novelty, str(failed), failures)
            if ended in (NoveltyState.CLOSED, NoveltyState.DISMISSED):
                return ended

    def run_ticket(self, ticket: str) -> str:
        """Keep raw images of a camera whose view changed; return the ticket's id."""
        self._preserve(_FAULTY, ticket, "ticket", quota=_OF_A_FAULT)
        return ticket

    def _preserve(self, function: str, subject: str, name: str, **arguments: int) -> None:
        """Have raw images preserved, as a job; where that fails, it is told and all else goes on.

        Args:
            function: Of the job.
            subject: Id of what fired the detector.
            name: What the job calls it.
            arguments: Further ones of the job.
        """
        given = {name: subject, "seed": self._shop.policy.learning.seed, **arguments}
        try:
            self._job(function, given, f"images-{subject}", QUICK)
        except Failed as failed:
            self._do(self._steps.not_preserved, subject, str(failed))

    def _round(self, novelty: str) -> str:
        """Collect, label, build, train, judge, release; then close the novelty, or go on."""
        steps = self._steps
        if self._until(steps.collected, novelty) == OVER:
            return NoveltyState.DISMISSED
        if self._do(steps.ask, novelty) == NOTHING:
            return NoveltyState.COLLECTING
        if self._until(steps.labelled, novelty) == OVER:
            return NoveltyState.DISMISSED
        parts = self._do(steps.divide, novelty)
        if parts is None:
            return NoveltyState.COLLECTING
        part = self._do(steps.freeze, novelty, parts)
        deck = self._do(steps.build, novelty, parts)
        champion = self._do(steps.champion)
        trained = challenger = self._train(deck)
        verdict = self._judge(challenger, champion, part)
        for share in TEMPERED:
            if verdict["answer"] == Answer.PASS or not _learned(verdict, part):
                break
            challenger = self._temper(trained, champion, share)
            verdict = self._judge(challenger, champion, part)
        passed = verdict["answer"] == Answer.PASS
        release = self._release(novelty, challenger, champion) if passed else None
        return str(self._do(steps.conclude, novelty, challenger, passed, release, parts))

    def _train(self, deck: str) -> str:
        """Train a challenger on the deck as a job, and return its id."""
        policy = self._shop.policy.learning
        settings = Settings(
            steps=policy.steps, batch=policy.batch, seed=policy.seed, threads=policy.threads
        )
        arguments = {"deck": deck, "strategy": policy.strategy, "settings": asdict(settings)}
        told = self._job(_TRAIN, arguments, f"train-{deck[:16]}")
        self._do(self._steps.trained, deck, told["model"])
        return str(told["model"])

    def _judge(self, challenger: str, champion: str, part: str) -> dict[str, Any]:
        """Ask the gate as a job; its verdict is kept."""
        told = self._job(
            _JUDGE,
            {
                "challenger": challenger,
                "champion": champion,
                "target": part,
                "seed": self._shop.policy.learning.seed,
                "confidence": CONFIDENCE,
                "asked": asdict(self._shop.policy.judging),
            },
        )
        self._do(self._steps.judged, challenger, champion, told)
        return told

    def _temper(self, trained: str, champion: str, share: float) -> str:
        """Make a challenger that keeps more of what is old, as a job, and return its id."""
        arguments = {"challenger": trained, "champion": champion, "share": share}
        told = self._job(_TEMPER, arguments, f"temper-{trained}")
        self._do(self._steps.tempered, told["model"], trained, share)
        return str(told["model"])

    def _release(self, novelty: str, challenger: str, champion: str) -> str | None:
        """Take a challenger that passed to the station, the beta lines and the fleet.

        Returns:
            The id of the release as it ended; None where no robot works.
        """
        waited = 0.0
        while (release := self._do(self._rollout.open, novelty, challenger, champion)) is None:
            waited += self._rest(waited)
        while release and self._until(self._rollout.look, release) != OVER:
            pass
        return release or None

    def _give_back(self, novelty: str, reason: str, failures: int) -> str:
        """Let the novelty collect on, and try again, after a while that grows."""
        try:
            ended = self._do(self._steps.give_back, novelty, reason)
        except Failed:
            ended = NoveltyState.COLLECTING
        self._sleep(min(_LONGEST_REST, self._pause * 10 * 2 ** min(failures, 20)))
        return str(ended)

    def _do(self, step: Callable[..., Any], *arguments: Any) -> Any:
        """Take a step, or pass over one that was taken before a kill; return what it came to.

        Raises:
            Failed: It did not succeed, nor when it was tried again.
        """
        told = DBOS.run_step({"name": step.__name__}, self._tried, step, *arguments)
        if "failed" in told:
            raise Failed(told["failed"])
        return told["done"]

    def _until(self, look: Callable[..., Any], *arguments: Any) -> str:
        """Look again and again until there is no more to wait for; return what the look said."""
        waited = 0.0
        while (answer := self._do(look, *arguments)) == WAIT:
            waited += self._rest(waited)
        return str(answer)

    def _rest(self, waited: float) -> float:
        """Sleep until the next look, wherever this process ends meanwhile; return the seconds.

        The longer was waited, the seldomer it is looked: a wait of weeks stays a few thousand rows.
        """
        seconds = min(_LONGEST, max(self._pause, waited * _PATIENCE))
        self._sleep(seconds)
        return seconds

    def _sleep(self, seconds: float) -> None:
        id = str(DBOS.workflow_id)
        self.resting.add(id)
        DBOS.sleep(seconds)
        self.resting.discard(id)

    def _tried(self, step: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        # What went wrong is a result like any other: it must read the same after a restart.
        name, failed = f"{DBOS.workflow_id}/{DBOS.step_id}", ""
        for attempt in range(_TRIES):
            try:
                return {"done": step(name, *arguments)}
            except (StorageFull, ConnectionError, JobFailed) as error:
                failed = f"{type(error).__name__}: {error}"
                time.sleep(min(60.0, self._pause * 4**attempt))
            except Exception as error:
                return {"failed": f"{type(error).__name__}: {error}"}
        return {"failed": failed}

    def _job(
        self, function: str, arguments: dict[str, Any], key: str = "", queue: str = QUEUE
    ) -> dict[str, Any]:
        """Have a heavy job run in its turn and return its result.

        Args:
            function: Its name; see `januscl.core.Executor`.
            arguments: Of the function, but for the workspace.
            key: Says what it makes, if that follows from the arguments alone: then it is made once,
                in whatever round. Without it, each round has it made anew.
            queue: In which it waits for its turn.

        Raises:
            Failed: It ended in an error every time.
        """
        named = f"{key}-{digest_of([function, arguments])[:16]}" if key else ""
        handle: WorkflowHandle[dict[str, Any]] = DBOS.enqueue_workflow(
            queue, self.heavy, function, arguments, named
        )
        told = handle.get_result(polling_interval_sec=self._pause)
        if "failed" in told:
            raise Failed(told["failed"])
        done: dict[str, Any] = told["done"]
        return done

    def run_heavy(self, function: str, arguments: dict[str, Any], key: str) -> dict[str, Any]:
        """Run a heavy job: the workflow that the queue holds.

        The executor never starts one key twice, so a job that outlived its worker is waited for.
        """

        def run(step: str) -> Any:
            place = {"workspace": place_of(self._shop.workspace)}
            job = executor.submit(function, place | arguments, key or f"job-{DBOS.workflow_id}")
            return executor.wait(job, progress=progress_of(function))

        executor = self._shop.executor
        told: dict[str, Any] = DBOS.run_step({"name": function}, self._tried, run)
        return told


def _learned(verdict: dict[str, Any], part: str) -> bool:
    """Say whether the challenger is better on what it was trained for, beyond chance."""
    return any(score["slice"] == part and score["low"] > 0 for score in verdict["slices"])
