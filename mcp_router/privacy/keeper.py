"""Keeps what a conversation has hidden and, if asked to, what was said in it; erases it again.

Whatever is kept is sealed with the key of one subject. Forgetting that key is what erases: the
decision log holds keyed digests only and stays as it is.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace

from mcp_router.clock import Clock
from mcp_router.domain.completion import Completion, CompletionRequest
from mcp_router.domain.ids import Entropy, make_id
from mcp_router.domain.privacy import (
    NOTHING_KNOWN,
    ContentChange,
    ContentEvent,
    ContentKind,
    Erased,
    KeptContent,
    KeptVault,
)
from mcp_router.domain.record import Record
from mcp_router.errors import ContentKeyMissing, ContentKeyWrong, StorageUnavailable
from mcp_router.privacy.keys import (
    Digester,
    SubjectKey,
    about,
    check_mark,
    derived,
    mark_of,
    new_subject_key,
    seal,
    unseal,
    unwrapped,
)
from mcp_router.privacy.placeholders import NO_PLACEHOLDERS, Placeholders, both
from mcp_router.privacy.scrub import cleaned, scrubbed
from mcp_router.privacy.store import PrivacyStore
from mcp_router.privacy.talk import Talk
from mcp_router.privacy.vault import read_vault, write_vault
from mcp_router.privacy.veil import Veil, content_of, content_of_answer
from mcp_router.privacy_settings import KEY_BYTES, PrivacySettings, key_bytes
from mcp_router.signals.detector import BuiltinDetector, Detector, Detectors
from mcp_router.signals.pii_fields import FieldDetector

_logger = logging.getLogger(__name__)

TOOL = "privacy"
_DIGEST = "digest"  # names in the table of keys that are no subject's digest
_MASTER = "master"
_WORDS = BuiltinDetector()
"""For the words of a record: there are many, and a model would take too long for each."""

_HOUR_MS = 3_600_000
_PAUSE_S = 5.0
"""How long a store that is away is not asked for a digest key or a vault again."""


class Privacy:
    """Opens a veil for every call, and keeps and erases content."""

    def __init__(
        self,
        store: PrivacyStore,
        clock: Clock,
        entropy: Entropy,
        *,
        settings: PrivacySettings | None = None,
        detectors: Iterable[Detector] = (BuiltinDetector(),),
        transport: str = "server",
    ) -> None:
        """Find personal data with `detectors`; `transport` is where its events come from.

        Raises:
            ContentKeyMissing: content is to be kept without a master key.
        """
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._settings = settings or PrivacySettings()
        self._detectors = tuple(detectors)
        self._transport = transport
        key = self._settings.key
        self._master = None if key is None else key_bytes(key.reveal())
        self._digesters: dict[str, Digester] = {}
        self._passing = Digester(entropy(KEY_BYTES))
        self._away_until_s = 0.0

        if self._settings.content and self._master is None:
            raise ContentKeyMissing("privacy: content is on, and there is no master key.")

    async def begin(self, *, only_look: bool = False) -> None:
        """Make sure that the store was never used with another master key; note it, or look only.

        Raises:
            ContentKeyWrong: it was.
            StorageUnavailable: the store cannot say yet.
        """
        if self._master is not None:
            mark = mark_of(self._master)
            kept = await self._store.key("", _MASTER)

            if kept is None and not only_look:
                kept = await self._store.ensure_key("", _MASTER, mark, self._clock.now_ms())

            check_mark(mark, kept or mark)

    async def veil(self, talk: Talk) -> Veil:
        """Return the veil of a call, with what its conversation has hidden so far.

        A store that is away is no reason not to answer: then the call stands for itself.
        """
        digester = await self._digester(talk.tenant)
        known = () if talk.known == NOTHING_KNOWN else (FieldDetector(talk.known),)
        kept_under, state = await self._opened(talk, digester)
        return Veil(
            Detectors((*self._detectors, *known)),
            (digester or self._passing).value,
            state=state,
            hides=self._settings.redact,
            kept_under=kept_under,
        )

    async def prompt_digest(self, talk: Talk, request: CompletionRequest) -> str | None:
        """Return the digest of a prompt; None if the store does not give the key for it."""
        digester = await self._digester(talk.tenant)
        return digester.digest("prompt", content_of(request)) if digester else None

    async def answer_digest(self, talk: Talk, answer: Completion) -> str | None:
        """Return the digest of an answer as it is published."""
        digester = await self._digester(talk.tenant)
        return digester.digest("answer", content_of_answer(answer)) if digester else None

    async def keep(
        self, talk: Talk, veil: Veil, request: CompletionRequest, answer: Completion
    ) -> None:
        """Keep what the conversation has hidden and, where content is on, what was said.

        An answer does not wait for that: what cannot be kept is said in the process's log. Nothing
        is kept of a subject that was erased since the veil was opened.
        """
        digester = await self._digester(talk.tenant)

        if self._master is None or digester is None:
            return

        try:
            if await self._keep(talk, veil, (request, answer), digester, self._master):
                return

            why_not = "it was erased meanwhile, or the store was away when it began"
        except StorageUnavailable as error:
            why_not = error.message

        _logger.warning("content of %s was not kept: %s", talk.decision_id, why_not)

    async def read(self, tenant: str, decision_id: str) -> tuple[tuple[ContentKind, str], ...]:
        """Return what was said in a call, as far as it is kept.

        Raises:
            ContentKeyMissing, ContentKeyWrong: there is no key, or another one, to open it with.
        """
        if self._master is None:
            raise ContentKeyMissing("Without the master key no content can be opened.")

        opened: list[tuple[ContentKind, str]] = []

        for row in await self._store.contents(tenant, decision_id):
            if (key := await self._subject_key(tenant, row.subject, self._master)) is not None:
                text = unseal(key.key, row.sealed, about=about(row))
                opened.append((row.kind, text.decode("utf-8", "surrogatepass")))

        return tuple(opened)

    async def erase(self, tenant: str, subject: str, *, who: str, why: str) -> Erased:
        """Forget a subject's key, and with it all that was kept of it; the log says who and why.

        Raises:
            ContentKeyMissing: without the master key nobody knows whose key to forget.
            StorageUnavailable: nothing was forgotten.
        """
        if self._master is None and await self._store.key("", _MASTER) is not None:
            raise ContentKeyMissing("The database was used with a master key, and there is none.")

        digester = await self._digester(tenant, must=True)
        assert digester is not None, "a store that cannot say has raised"
        digest = digester.digest("subject", subject)
        now_ms = self._clock.now_ms()
        event = Record(
            decision_id=make_id("evt", now_ms, self._entropy),
            at_ms=now_ms,
            tenant=tenant,
            principal=who,
            transport=self._transport,
            tool=TOOL,
            outcome="ok",
            latency_ms=0,
            content_event=ContentEvent(
                change=ContentChange.ERASED,
                subject=digest,
                who=who,
                why=cleaned(why, _WORDS, digester),
            ),
        )
        return await self._store.erase(tenant, digest, event)

    async def prune(self) -> None:
        """Delete content and vaults that are older than they may get: a chore.

        Raises:
            StorageUnavailable: nothing was deleted.
        """
        now_ms = self._clock.now_ms()
        await self._store.prune(
            contents_before_ms=now_ms - round(self._settings.retention_days * 24 * _HOUR_MS),
            vaults_before_ms=now_ms - round(self._settings.vault_hours * _HOUR_MS),
        )

    def scrub(self, record: Record) -> Record:
        """Return a record without the personal data that a host has put into names and words."""
        return scrubbed(record, _WORDS, self._digesters.get(record.tenant, self._passing))

    async def _keep(
        self,
        talk: Talk,
        veil: Veil,
        said: tuple[CompletionRequest, Completion],
        digester: Digester,
        master: bytes,
    ) -> bool:
        """Keep what is to be kept of a call, under the key it began with; say whether."""
        has_vault = self._remembers(talk) and veil.state != NO_PLACEHOLDERS

        if not has_vault and not self._settings.content:
            return True

        if veil.kept_under is None:
            return False

        subject = digester.digest("subject", talk.subject)
        key = unwrapped(master, talk.tenant, subject, veil.kept_under)

        if has_vault and not await self._keep_vault(talk, veil.state, digester, key):
            return False

        return not self._settings.content or await self._keep_content(
            talk, veil, said, subject, key
        )

    async def _keep_vault(
        self, talk: Talk, state: Placeholders, digester: Digester, key: SubjectKey
    ) -> bool:
        """Keep what was hidden, with what other calls have kept meanwhile; say whether."""
        row = KeptVault(
            tenant=talk.tenant,
            conversation=digester.digest("conversation", talk.conversation or ""),
            subject=digester.digest("subject", talk.subject),
            sealed=b"",
            at_ms=self._clock.now_ms(),
        )

        while True:
            kept = await self._store.vault(row.tenant, row.conversation, row.subject)
            text = write_vault(both(self._state_of(key, kept), state))
            mine = replace(row, sealed=self._sealed(key, text, row))
            before = None if kept is None else kept.sealed

            if await self._store.keep_vault(key.wrapped, mine, before=before):
                return True

            # Either another call was quicker, and this one adds to what it has kept, or:
            if await self._store.key(row.tenant, row.subject) != key.wrapped:
                return False

    async def _keep_content(
        self,
        talk: Talk,
        veil: Veil,
        said: tuple[CompletionRequest, Completion],
        subject: str,
        key: SubjectKey,
    ) -> bool:
        """Keep what was said; say whether."""
        prompt = KeptContent(
            tenant=talk.tenant,
            subject=subject,
            decision_id=talk.decision_id,
            kind=ContentKind.PROMPT,
            sealed=b"",
            at_ms=self._clock.now_ms(),
        )
        texts = {
            # What is never restored is never kept either.
            ContentKind.PROMPT: content_of(veil.keepable(said[0])),
            ContentKind.ANSWER: content_of_answer(veil.keepable_answer(said[1])),
        }
        rows = [replace(prompt, kind=kind) for kind in texts]
        sealed = [replace(row, sealed=self._sealed(key, texts[row.kind], row)) for row in rows]
        return await self._store.keep_contents(key.wrapped, sealed)

    def _sealed(self, key: SubjectKey, text: str, row: KeptContent | KeptVault) -> bytes:
        told = text.encode("utf-8", "surrogatepass")
        return seal(key.key, told, about=about(row), entropy=self._entropy)

    async def _opened(
        self, talk: Talk, digester: Digester | None
    ) -> tuple[bytes | None, Placeholders]:
        """Return the key, wrapped, under which to keep this call, and what was hidden before it.

        The key is there from the call's beginning. Were it made at the end, then after `erase` the
        call could not tell that there had been another one, and would bring back what was erased.
        """
        wanted = self._settings.content or self._remembers(talk)

        if not wanted or digester is None or self._master is None or self._is_away():
            return None, NO_PLACEHOLDERS

        subject = digester.digest("subject", talk.subject)
        conversation = digester.digest("conversation", talk.conversation or "")
        row: KeptVault | None = None

        try:
            key = await self._made_key(talk.tenant, subject, self._master)

            if self._remembers(talk):
                row = await self._store.vault(talk.tenant, conversation, subject)
        except StorageUnavailable:
            self._pause()
            return None, NO_PLACEHOLDERS

        return key.wrapped, self._state_of(key, row)

    def _state_of(self, key: SubjectKey, row: KeptVault | None) -> Placeholders:
        """Return what a vault holds: nothing, if it is too old or was sealed with a later key."""
        if row is None or self._clock.now_ms() - row.at_ms >= self._settings.vault_hours * _HOUR_MS:
            return NO_PLACEHOLDERS

        try:
            opened = unseal(key.key, row.sealed, about=about(row))
        except ContentKeyWrong:  # erased and begun anew between two looks at the store
            return NO_PLACEHOLDERS

        return read_vault(opened.decode("utf-8", "surrogatepass"))

    def _remembers(self, talk: Talk) -> bool:
        """Return whether placeholders of this conversation go on from call to call."""
        return self._settings.redact and None not in (talk.conversation, talk.customer_id)

    async def _subject_key(self, tenant: str, subject: str, master: bytes) -> SubjectKey | None:
        """Return a subject's key; it is never kept in memory, so that it can be forgotten."""
        wrapped = await self._store.key(tenant, subject)
        return None if wrapped is None else unwrapped(master, tenant, subject, wrapped)

    async def _made_key(self, tenant: str, subject: str, master: bytes) -> SubjectKey:
        """Return a subject's key, a new one at the first time."""
        if (key := await self._subject_key(tenant, subject, master)) is not None:
            return key

        new = new_subject_key(master, tenant, subject, self._entropy)
        kept = await self._store.ensure_key(tenant, subject, new.wrapped, self._clock.now_ms())
        return unwrapped(master, tenant, subject, kept)

    async def _digester(self, tenant: str, *, must: bool = False) -> Digester | None:
        """Return the tenant's digests; None while the store does not give the key for them.

        Raises:
            StorageUnavailable: it does not, and one `must` have it.
        """
        if tenant not in self._digesters:
            if self._master is not None:
                self._digesters[tenant] = Digester(derived(self._master, _DIGEST, tenant=tenant))
            elif must or not self._is_away():
                await self._learn_digester(tenant, must=must)

        return self._digesters.get(tenant)

    async def _learn_digester(self, tenant: str, *, must: bool) -> None:
        """Ask the store for the tenant's random key; make one at the first time."""
        try:
            key = await self._store.key(tenant, _DIGEST)

            if key is None:
                new, now_ms = self._entropy(KEY_BYTES), self._clock.now_ms()
                key = await self._store.ensure_key(tenant, _DIGEST, new, now_ms)
        except StorageUnavailable:
            self._pause()

            if must:
                raise

            return

        self._digesters[tenant] = Digester(key)

    def _is_away(self) -> bool:
        return self._clock.monotonic_s() < self._away_until_s

    def _pause(self) -> None:
        self._away_until_s = self._clock.monotonic_s() + _PAUSE_S
