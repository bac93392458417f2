import type {
  Actor,
  ChannelGateway,
  ChannelMessage,
  MessageDocument,
} from '../../../src/core/ports/channel.ts'
import { AppError } from '../../../src/errors.ts'

type Method = Exclude<keyof ChannelGateway, 'reader'>

export interface FakeChannel extends ChannelGateway {
  /** Every request that was made, in order. */
  readonly requests: Method[]
  /** The account that reads; null: none can. */
  sees: Actor | null
  /** The largest number of changes in one difference. */
  differenceLimit: number
  /** Changes that are forgotten: from this `pts` on they are known. */
  forgottenBefore: number
  /** Messages that no account may delete. */
  refuses: readonly number[]
  /** Called before each request; what it throws is what Telegram says. */
  before: (method: Method) => Promise<void>
  /** Another client posts a message; its id. */
  add: (text: string, document?: Partial<MessageDocument>) => number
  /** Another client edits a message. */
  change: (messageId: number, text: string) => void
  /** Another client deletes messages. */
  drop: (...ids: number[]) => void
  /** All messages, the oldest first. */
  list: () => ChannelMessage[]
}

/** One channel in memory, with Telegram's counting of events. */
export function createFakeChannel(): FakeChannel {
  const messages = new Map<number, ChannelMessage>()
  const events: { pts: number; id: number; kind: 'new' | 'edit' | 'delete' }[] = []
  const requests: Method[] = []
  let pts = 1
  let lastId = 0

  function record(kind: 'new' | 'edit' | 'delete', id: number): void {
    pts++
    events.push({ pts, id, kind })
  }

  async function asked(method: Method): Promise<void> {
    requests.push(method)
    await fake.before(method)
  }

  const newest = (): ChannelMessage[] =>
    [...messages.values()].sort((a, b) => b.messageId - a.messageId)

  const fake: FakeChannel = {
    requests,
    sees: 'user',
    differenceLimit: 100,
    forgottenBefore: 0,
    refuses: [],
    before: async () => {},
    add: (text, document) => {
      const messageId = ++lastId
      const { id = `${messageId}`, size = 1, fileName = null, mimeType = null } = document ?? {}
      const { thumbnail = false } = document ?? {}
      messages.set(messageId, {
        ...{ messageId, text, postedAt: messageId * 1000, editedAt: null, postedBy: null },
        forwarded: false,
        document: document ? { id, size, fileName, mimeType, thumbnail } : null,
      })
      record('new', messageId)
      return messageId
    },
    change: (messageId, text) => {
      const message = messages.get(messageId)
      if (!message) throw new Error('no such message')
      record('edit', messageId)
      messages.set(messageId, { ...message, text, editedAt: 1_000_000 + pts * 1000 })
    },
    drop: (...ids) => {
      for (const id of ids) if (messages.delete(id)) record('delete', id)
    },
    list: () => newest().reverse(),
    reader: () => fake.sees,
    position: async () => {
      await asked('position')
      return { pts, before: fake.sees === 'user' ? 0x7fff_ffff : lastId + 1 }
    },
    page: async (_call, before) => {
      await asked('page')
      const below = newest().filter(({ messageId }) => messageId < before)
      if (fake.sees === 'bot') {
        const lowestId = Math.max(1, before - 100)
        const page = below.filter(({ messageId }) => messageId >= lowestId)
        return { messages: page, lowestId, total: null }
      }
      const page = below.slice(0, 100)
      return { messages: page, lowestId: page.at(-1)?.messageId ?? 1, total: messages.size }
    },
    messages: async (_call, ids) => {
      await asked('messages')
      return ids.flatMap((id) => messages.get(id) ?? [])
    },
    difference: async (_call, since) => {
      await asked('difference')
      if (since < fake.forgottenBefore) return { kind: 'too-long' }
      const all = events.filter((event) => event.pts > since)
      const slice = all.slice(0, fake.differenceLimit)
      const touched = new Set(slice.flatMap(({ kind, id }) => (kind === 'delete' ? [] : id)))
      return {
        kind: 'changes',
        pts: slice.at(-1)?.pts ?? (all.length > 0 ? since : pts),
        final: slice.length === all.length,
        messages: [...touched].flatMap((id) => messages.get(id) ?? []),
        deletedIds: slice.flatMap(({ kind, id }) => (kind === 'delete' ? id : [])),
        timeout: null,
      }
    },
    edit: async (_call, { messageId, text }) => {
      await asked('edit')
      if (!messages.has(messageId)) throw missing()
      fake.change(messageId, text)
      return { editedAt: messages.get(messageId)?.editedAt ?? null }
    },
    remove: async (_call, ids) => {
      await asked('remove')
      fake.drop(...ids.filter((id) => !fake.refuses.includes(id)))
      return { refusedIds: ids.filter((id) => fake.refuses.includes(id)) }
    },
    post: async (_call, { text, copyOf }) => {
      await asked('post')
      const source = copyOf === null ? null : messages.get(copyOf)
      if (copyOf !== null && !source?.document) throw missing()
      const messageId = fake.add(text, source?.document ?? undefined)
      return { messageId, postedAt: messageId * 1000, postedBy: fake.sees ?? 'bot' }
    },
  }
  return fake
}

function missing(): AppError {
  return new AppError('MESSAGE_NOT_FOUND', 'The channel has no such file')
}
