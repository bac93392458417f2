import type { Message, Webhook } from '../../helpers/peers/peer-processes.ts'
import type { Entry, Span } from './history.ts'

/** What is there once nothing goes on any more. */
export interface Remains {
  /** The messages of each channel. */
  messages: ReadonlyMap<string, readonly Message[]>
  webhooks: readonly Pick<Webhook, 'payload' | 'key'>[]
  keysKilled: number
  /** The digest of a span of a file, as its client has it. */
  digestOf: (file: string, span: Span) => string
}

type Of<K extends Entry['kind']> = Extract<Entry, { kind: K }>

/** All that the cluster has promised by its answers, and did not keep: sentences, or none. */
export function findBroken(entries: readonly Entry[], remains: Remains): string[] {
  const broken = entries.flatMap((entry) => (entry.kind === 'odd' ? [entry.what] : []))
  if (remains.keysKilled > 0) broken.push(`${remains.keysKilled} sessions were killed`)
  for (const file of entries) {
    if (file.kind !== 'file') continue
    const own = entries.map((entry) => ('file' in entry && entry.file === file.file ? entry : null))
    const sentences = [
      ...lostBytes(own),
      ...wrongEnd(file, own, { ...remains, faults: faultsIn(entries) }),
      ...fallenProgress(own, entries),
      ...wrongReads(own, remains),
    ]
    broken.push(...sentences.map((sentence) => `${file.file} (${file.way}): ${sentence}`))
  }
  return [...new Set(broken)]
}

type Own = readonly (Entry | null)[]

function all<K extends Entry['kind']>(own: Own, kind: K): Of<K>[] {
  return own.filter((entry): entry is Of<K> => entry?.kind === kind)
}

function faultsIn(entries: readonly Entry[]): number {
  return entries.filter((entry) => entry.kind === 'fault' && entry.event === 'begin').length
}

/** What was acknowledged before a node was asked is in what that node lists. */
function lostBytes(own: Own): string[] {
  return all(own, 'listed').flatMap(({ spans, asked }) => {
    const before = all(own.slice(0, asked), 'acknowledged')
    const lost = before.filter(({ span }) => !isCovered(span, spans))
    return lost.length === 0
      ? []
      : [`acknowledged bytes are gone: ${lost.map(({ span }) => span.join('-')).join(', ')}`]
  })
}

function isCovered([from, to]: Span, spans: readonly Span[]): boolean {
  let at = from
  for (const span of spans.toSorted((a, b) => a[0] - b[0])) {
    if (span[0] <= at && span[1] > at) at = span[1]
  }
  return at >= to
}

function wrongEnd(
  { file, size, sha256, channelId, accountKind, way }: Of<'file'>,
  own: Own,
  { messages, webhooks, faults }: Remains & { faults: number },
): string[] {
  const posted = (messages.get(channelId) ?? []).filter(({ fileName }) => fileName === file)
  const broken = posted
    .filter((message) => message.sha256 !== sha256 || message.size !== size)
    .map(({ id }) => `message ${id} has other bytes`)
  const [cancelled] = all(own, 'cancelled')
  if (cancelled) {
    if (posted.length > 0 && !cancelled.isPosted) broken.push('posted after it was cancelled')
    return broken
  }
  broken.push(...all(own, 'failed').map(({ why }) => `failed: ${why}`))
  const completed = all(own, 'completed')
  if (completed.length === 0) return [...broken, 'it did not end']
  // A whole file in one request has no memory: a client that lost the answer can only send it again.
  const sends = way === 'whole' ? all(own, 'sent').length : 1
  // A bot cannot look whether a lost answer meant a message: README, "Limits".
  const most = sends * (accountKind === 'bot' ? 1 + faults : 1)
  if (posted.length > most) broken.push(`posted ${posted.length} times`)
  for (const { messageId, sha256: told } of completed) {
    if (!posted.some(({ id }) => id === messageId)) broken.push(`there is no message ${messageId}`)
    if (told !== null && told !== sha256) broken.push('completed with another digest')
  }
  const heard = webhooks.filter(({ payload }) => payload.fileName === file)
  if (new Set(heard.map(({ key }) => key)).size > sends) broken.push('one webhook, several keys')
  for (const { messageId } of completed) {
    const isHeard = heard.some(({ payload }) => payload.messageId === messageId)
    if (!isHeard) broken.push(`the backend never heard of message ${messageId}`)
  }
  return broken
}

/**
 * What one viewer sees of one file never falls, and what has ended stays so; between two looks with a
 * fault between them it may be that a node begins anew from what was written down.
 */
function fallenProgress(own: Own, entries: readonly Entry[]): string[] {
  const seen = new Map<string, Of<'progress'>>()
  const broken: string[] = []
  for (const [at, entry] of entries.entries()) {
    if (entry.kind === 'fault') {
      for (const [viewer, { status, ...last }] of seen)
        seen.set(viewer, { ...last, status, percent: status === 'completed' ? last.percent : 0 })
    }
    const mine = own[at]
    if (mine?.kind !== 'progress') continue
    const last = seen.get(mine.viewer)
    if (last && last.status !== 'uploading' && mine.status !== last.status)
      broken.push(`${mine.viewer}: ${last.status}, then ${mine.status}`)
    else if (last && mine.percent < last.percent)
      broken.push(`${mine.viewer}: progress fell from ${last.percent} to ${mine.percent}`)
    seen.set(mine.viewer, mine)
  }
  return broken
}

function wrongReads(own: Own, { digestOf }: Remains): string[] {
  return all(own, 'read')
    .filter(({ file, span, sha256 }) => digestOf(file, span) !== sha256)
    .map(({ span }) => `other bytes were read from ${span.join(' to ')}`)
}
