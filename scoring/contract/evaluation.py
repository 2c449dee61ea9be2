"""The pass: every record of every file is read once, judged, and accepted or written to the quarantine.

Chunks are cut in order, read and judged by a few threads side by side, and taken up in order again; so what is found
does not depend on their number, and no more than a handful of chunks is in memory at any moment.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from scoring.contract.breaker import Breaker
from scoring.contract.duplicates import find_duplicates
from scoring.contract.findings import FaultTally
from scoring.contract.model import Contract
from scoring.contract.quarantine import Quarantine
from scoring.contract.reading.accepted import AcceptedFile, CheckedFile, ChunkMap
from scoring.contract.reading.block_reader import BlockReader
from scoring.contract.reading.blocks import Block
from scoring.contract.reading.cutting import CHUNK_BYTES, Chunk, Cutter
from scoring.contract.reading.preflight import InspectedFile
from scoring.contract.reading.stretches import Stretches
from scoring.contract.reading.strict import Unreadable
from scoring.contract.rules.judging import Judgement, judge
from scoring.contract.rules.profile import Profile
from scoring.contract.rules.rules import Rule

# Arrow works outside Python's lock, so two threads do about twice the work; a third finds little left to do.
_THREADS: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PassOutcome:
    """What the pass found.

    Args:
        files: The accepted rows of each file; fewer than all files where the pass was stopped.
        faults: Records that cannot be read, by what is wrong with them.
        stopped: Why it was stopped before the end; None when it was not.
    """

    files: tuple[AcceptedFile, ...]
    faults: tuple[FaultTally, ...]
    stopped: str | None

    @property
    def n_rejected(self) -> int:
        """Records that are not scored."""
        return sum(len(file.rejected) for file in self.files)


def run_pass(
    inputs: Sequence[InspectedFile],
    contract: Contract,
    rules: Sequence[Rule],
    profile: Profile,
    quarantine: Quarantine,
    *,
    bytes_per_job: int | None = None,
    chunk_bytes: int = CHUNK_BYTES,
) -> PassOutcome:
    """Read and judge all files.

    Args:
        inputs: Files that have passed the preflight.
        contract: What they must look like.
        rules: Of the contract.
        profile: Takes up the figures.
        quarantine: Takes up the records that are not scored.
        bytes_per_job: Most bytes of a file that one job is given.
        chunk_bytes: About how much is read at once; what is found does not depend on it.

    Raises:
        InputError: A record alone has more bytes than a job is given.
    """
    breaker = Breaker(
        contract.tolerance,
        total_bytes=sum(one.size_bytes - one.body_offset for one in inputs),
        n_columns=len(contract.columns),
    )
    faults: dict[str, FaultTally] = {}
    files: list[tuple[CheckedFile, npt.NDArray[np.int64]]] = []
    for one in inputs:
        stretches = Stretches(one.name, bytes_per_job) if bytes_per_job else None
        reading = _FileReading(one, contract, rules, profile, quarantine, breaker, faults, stretches)
        files.append(reading.run(chunk_bytes))
        if breaker.stopped:
            break
    else:
        rejected = find_duplicates([file for file, _ in files], rules, profile, quarantine)
        files = [
            (file, np.union1d(before, more) if len(more) else before)
            for (file, before), more in zip(files, rejected, strict=True)
        ]
    return PassOutcome(
        files=tuple(AcceptedFile(file=file, rejected=numbers) for file, numbers in files),
        faults=tuple(faults.values()),
        stopped=breaker.stopped,
    )


@dataclass(slots=True)
class _Growing:
    """A chunk map while it grows."""

    rows: list[tuple[int, int, int, int, int, int, bool]] = field(default_factory=list)

    def finished(self) -> ChunkMap:
        columns = np.array(self.rows, dtype=np.int64).reshape(-1, 7).T
        offset, size_bytes, first_record, first_line, n_records, n_readable, is_clean = columns
        return ChunkMap(
            offset=offset,
            size_bytes=size_bytes,
            first_record=first_record,
            first_line=first_line,
            n_records=n_records,
            n_readable=n_readable,
            is_clean=is_clean.astype(bool),
        )


class _FileReading:
    """The reading of one file."""

    def __init__(
        self,
        file: InspectedFile,
        contract: Contract,
        rules: Sequence[Rule],
        profile: Profile,
        quarantine: Quarantine,
        breaker: Breaker,
        faults: dict[str, FaultTally],
        stretches: Stretches | None,
    ) -> None:
        self._file = file
        self._contract = contract
        self._rules = rules
        self._profile = profile
        self._quarantine = quarantine
        self._breaker = breaker
        self._faults = faults
        self._stretches = stretches
        self._reader = BlockReader(contract.dialect, list(contract.columns))
        self._chunks = _Growing()
        # One growing array: thousands of small ones would keep the memory between them from being used again.
        self._rejected = array("q")
        self._record = 1
        self._line = file.body_line

    def run(self, chunk_bytes: int) -> tuple[CheckedFile, npt.NDArray[np.int64]]:
        """The file, and the numbers of the records that are not scored."""
        for chunk, block, judgement in self._judged(chunk_bytes):
            self._take(chunk, block, judgement)
            if self._breaker.stopped:
                break
        checked = CheckedFile(
            path=self._file.path,
            name=self._file.name,
            dialect=self._contract.dialect,
            columns=tuple(self._contract.columns),
            chunks=self._chunks.finished(),
            stretches=self._stretches.first_record if self._stretches else None,
        )
        return checked, np.frombuffer(self._rejected, dtype=np.int64)

    def _judged(self, chunk_bytes: int) -> Iterator[tuple[Chunk, Block, Judgement]]:
        cutter = Cutter(self._contract.dialect, len(self._contract.columns), chunk_bytes=chunk_bytes)
        pending: deque[Future[tuple[Chunk, Block, Judgement]]] = deque()
        with self._file.path.open("rb") as file, ThreadPoolExecutor(_THREADS) as threads:
            file.seek(self._file.body_offset)
            for chunk in cutter.chunks(file, self._file.body_offset):
                pending.append(threads.submit(partial(self._judge, chunk)))
                if len(pending) > _THREADS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _judge(self, chunk: Chunk) -> tuple[Chunk, Block, Judgement]:
        block = self._reader.read(chunk)
        return chunk, block, judge(self._rules, self._contract.columns, block.text)

    def _take(self, chunk: Chunk, block: Block, judgement: Judgement) -> None:
        first_line = self._line
        self._profile.add(
            judgement,
            block.text,
            file=self._file.name,
            record=self._record + block.index,
            line=lambda: first_line + block.places().line,
        )
        self._profile.n_unreadable += len(block.unreadable)
        for unreadable in block.unreadable:
            self._count_fault(unreadable)
        critical = [(rule, rows) for rule, rows in judgement.broken if rule.severity == "critical"]
        self._quarantine.add(
            block,
            critical,
            file=self._file.name,
            first_record=self._record,
            first_line=first_line,
            encoding=self._contract.dialect.encoding,
        )
        rejected = self._record + _rejected(block, [rows for _, rows in critical])
        self._rejected.frombytes(rejected.tobytes())
        self._breaker.count(n_bad=len(rejected), n_records=block.n_records, n_bytes=len(chunk.data))
        self._chunks.rows.append(
            (
                chunk.offset,
                len(chunk.data),
                self._record,
                first_line,
                block.n_records,
                block.text.num_rows,
                chunk.is_clean,
            )
        )
        if self._stretches:
            self._stretches.add(block, self._record)
        self._record += block.n_records
        self._line += block.n_lines

    def _count_fault(self, unreadable: Unreadable) -> None:
        if unreadable.fault not in self._faults:
            self._faults[unreadable.fault] = FaultTally.of(
                unreadable, file=self._file.name, first_record=self._record, first_line=self._line
            )
        self._faults[unreadable.fault].count += 1


def _rejected(block: Block, broken: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    """Which records of a block are not scored, counted from 0; ascending."""
    unreadable = np.array([record.place.index for record in block.unreadable], dtype=np.int64)
    if not broken:
        return unreadable
    return np.union1d(unreadable, block.index[np.concatenate(broken)])
