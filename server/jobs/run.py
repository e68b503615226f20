"""One job at work in a child, until its end is in its row."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from typing import Any

from server.jobs.child import LOG_FILE, Work, service_failed
from server.jobs.forked import Forked
from server.jobs.limits import Limits, Watch, memory_error
from server.jobs.model import JobError, ResultItem
from server.jobs.queue import Jobs
from server.jobs.request import SubJob
from server.store import Store

LOG = logging.getLogger(__name__)

_WRITE_SECONDS = 0.1
"""A job's progress goes into its row no more often."""

_YOUNG_SECONDS = 0.03

_LOG_BYTES = 65536
"""So much of what a child wrote goes into the service's log: the end of it."""


class Run:
    """One try at a job.

    :param child: to which the work was given.
    """

    def __init__(self, jobs: Jobs, store: Store, limits: Limits, work: Work, child: Forked) -> None:
        self.job = work.job
        self.child = child
        self._jobs = jobs
        self._store = store
        self._limits = limits
        self._cgroup = work.cgroup
        self._folder = store.attempt_folder(work.job.id, work.job.attempt)
        self._watch = Watch(child.pid, self._folder, limits, child.baseline)
        self._progress: tuple[float, str] | None = None
        # A job that is soon done needs no progress written.
        self._begun = self._written = time.monotonic()
        self._outcome: dict[str, Any] | None = None
        self._reason: JobError | None = None
        self._given_up = False
        self._failed: JobError | None = None
        self._log_level = logging.INFO

    @property
    def youth(self) -> float:
        """Seconds for which it may still be one of the many jobs that take milliseconds."""
        return max(0.0, self._begun + _YOUNG_SECONDS - time.monotonic())

    @property
    def over(self) -> bool:
        """Whether there is nothing more to come: the child has told its outcome, or is gone."""
        return self._outcome is not None or self.child.gone

    def hear(self) -> None:
        """Take in what the child said, and whether it is gone; end it where it has told its outcome."""
        for message in self.child.hear():
            if "progress" in message:
                fraction, text = message["progress"]
                self._progress = (fraction, text)
            else:
                self._outcome = message["outcome"]
                # Before its end is written, so that nothing the job left behind still writes into what is published;
                # and however long the table may be out of reach.
                self.child.end_soon()

    def tell(self) -> None:
        """Write the child's progress into its row."""
        if self._progress is None or time.monotonic() - self._written < _WRITE_SECONDS:
            return
        fraction, text = self._progress
        self._progress = None
        self._written = time.monotonic()
        self._jobs.progress(self.job.id, self.job.attempt, fraction, text)

    def check_limits(self) -> None:
        """End the child when it takes more than a job may."""
        if self._reason is None and not self.over and (error := self._watch.look()) is not None:
            self.end(error)

    def end(self, reason: JobError | None = None) -> None:
        """End the child and all it started.

        :param reason: why the job failed; None where its row is no longer this run's to write.
        """
        LOG.info("task:%s is ended: %s", self.job.id, reason.message if reason else "it is not this process's any more")
        self._reason = reason
        self._given_up = reason is None
        self.child.end()

    def settle(self) -> None:
        """Write the job's end into its row, whichever end it was; may be called again where that fails."""
        if self._given_up:
            self._clean()
            done = False
        elif (error := self._failure()) is not None:
            done = self._jobs.fail(self.job.id, self.job.attempt, error)
        else:
            done = self._write(self._outcome or {})
            self._clean()
        if not done:
            LOG.warning("task:%s: attempt %d ended when it was no longer the job's own", self.job.id, self.job.attempt)

    def put_back(self) -> None:
        """End the child, and let its job be run again from the start."""
        LOG.info("task:%s is put back, since the service stops", self.job.id)
        self.child.end()
        self._clean()
        self._jobs.put_back(self.job.id, self.job.attempt)

    def _failure(self) -> JobError | None:
        """Why the job failed, if it did; from then on nothing is left of it but its row."""
        if self._failed is None:
            if self._reason is not None:
                self._failed = self._reason
            elif self._outcome is None:
                self._failed = self._died()
            elif "error" in self._outcome:
                self._failed = JobError(**self._outcome["error"])
            else:
                return None
            # An operator who keeps only grave messages needs the traceback of these.
            self._log_level = logging.ERROR if self._failed.kind == "server" else logging.INFO
            LOG.log(self._log_level, "task:%s failed: %s", self.job.id, self._failed.message)
            # Before its row is written: what the job left may be what fills the disk, so that nothing can be.
            self._clean()
        return self._failed

    def _write(self, outcome: dict[str, Any]) -> bool:
        job, jobs, store = self.job, self._jobs, self._store
        if "spread" in outcome:
            subjobs = jobs.spread(job.id, job.attempt, [SubJob.from_dict(one) for one in outcome["spread"]])
            LOG.info("task:%s spread into %d jobs", job.id, len(subjobs))
            return bool(subjobs)
        results = {name: ResultItem(**item) for name, item in outcome["results"].items()}
        try:
            done = jobs.finish(job.id, job.attempt, results, lambda: store.publish(job.id, job.attempt))
        except OSError:
            LOG.exception("task:%s: its results could not be published", job.id)
            return jobs.fail(job.id, job.attempt, JobError("server", service_failed(job.id)))
        if done:
            LOG.info("task:%s successful", job.id)
            store.drop_inputs(job.id)
        return done

    def _died(self) -> JobError:
        job_id, code, cgroup = self.job.id, self.child.exit_code, self._cgroup
        LOG.error("task:%s: its process ended with exit code %s", job_id, code)
        if cgroup is not None and cgroup.out_of_memory():
            return memory_error(self._limits, cgroup.peak())
        if code is not None and code < 0:
            how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
        else:
            how = f"ended with status {code}"
        text = (
            f"The process that ran this job {how} before it was done, as happens where memory runs out "
            f"(reference {job_id}). Send the job again; if it ends so again, tell the operator."
        )
        return JobError("server", text)

    def _clean(self) -> None:
        with contextlib.suppress(OSError):
            self._keep_log((self._folder / LOG_FILE).read_bytes())
        if self._cgroup is not None:
            self._cgroup.end()
        self._store.end_attempt(self.job.id, self.job.attempt)

    def _keep_log(self, written: bytes) -> None:
        for line in written[-_LOG_BYTES:].decode(errors="replace").splitlines():
            LOG.log(self._log_level, "task:%s | %s", self.job.id, line)
