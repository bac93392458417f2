import { z } from 'zod'
import type {
  ChannelDifference,
  ChannelMessage,
  ChannelPage,
  PostNote,
} from '../../core/ports/channel.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import type { PostKind, TransferState } from '../../core/ports/records.ts'
import type { RemoteDocument } from '../../core/ports/telegram.ts'
import type { SharedPlace } from '../../telegram/documents.ts'

/** What a node asks the one that has an account: calls of TelegramGateway and ChannelGateway, as JSON. */

const credentials: z.ZodType<Credentials> = z.object({
  userId: z.string(),
  botToken: z.string().nullable(),
  channelId: z.string(),
  session: z.string().nullable(),
  apiId: z.number().nullable(),
  apiHash: z.string().nullable(),
})

const messageId = z.int()
const messageIds = z.array(messageId)
const actor = z.enum(['user', 'bot'])
const fileId = z.string().optional()
/** Of a call to a channel. */
const channel = { credentials, patience: z.number().optional() }
/** A document is the same one wherever it is located, and whatever else the message has become. */
const document = { credentials, messageId, fileId, id: z.string() }

const Note: z.ZodType<PostNote> = z.object({
  actor,
  randomId: z.string().nullable(),
  newestMessageId: z.int().nullable(),
  attempts: z.int(),
})

const common = { postAttempts: z.int(), startedAt: z.number() }
const PostedFile = z.object({
  messageId,
  fileId: z.string(),
  hasThumbnail: z.boolean().exactOptional(),
  thumbnailId: z.string().exactOptional(),
})
const State: z.ZodType<TransferState> = z.discriminatedUnion('road', [
  z.object({ ...common, road: z.literal('bot-api'), posted: PostedFile.nullable() }),
  z.object({
    ...common,
    road: z.enum(['mtproto-user', 'mtproto-bot']),
    partsHolder: z.string(),
    fileId: z.string(),
    document: z
      .object({
        id: z.string(),
        accessHash: z.string(),
        fileReference: z.string(),
        dcId: z.int(),
      })
      .nullable(),
    randomId: z.string().nullable(),
    newestMessageId: z.int().nullable(),
  }),
])
const kind: z.ZodType<PostKind> = z.union([
  z.enum(['file', 'manifest', 'folder']),
  z.object({ volume: z.int(), of: z.int() }),
])

const edit = z.object({
  messageId,
  text: z.string(),
  part: z.enum(['caption', 'text']),
  postedBy: actor.nullable(),
})

/** A question of the kind `telegram`. */
export const TelegramCall = z.discriminatedUnion('call', [
  z.object({ call: z.literal('locate'), credentials, messageId, fileId }),
  z.object({ call: z.literal('locateAll'), credentials, messageIds }),
  z.object({ call: z.literal('place'), ...document }),
  z.object({ call: z.literal('thumbnail'), ...document }),
  z.object({ call: z.literal('position'), ...channel }),
  z.object({ call: z.literal('page'), ...channel, before: z.int() }),
  z.object({ call: z.literal('messages'), ...channel, messageIds }),
  z.object({ call: z.literal('difference'), ...channel, pts: z.int() }),
  z.object({ call: z.literal('edit'), ...channel, edit }),
  z.object({ call: z.literal('remove'), ...channel, messageIds, postedBy: actor.nullable() }),
  z.object({
    call: z.literal('post'),
    ...channel,
    text: z.string(),
    copyOf: messageId.nullable(),
    /** What the asker's journal says, and the name by which the asker is asked to write it. */
    note: Note.nullable(),
    journal: z.string(),
  }),
  z.object({
    call: z.literal('postSmall'),
    credentials,
    /** Of it, and of the picture: base64. */
    file: z.object({ name: z.string(), mimeType: z.string(), bytes: z.string() }),
    thumbnail: z.string().nullable(),
    caption: z.string(),
    captionId: z.string(),
    kind,
    exactlyOnce: z.boolean(),
    /** As `note` of a post. */
    state: State.nullable(),
    journal: z.string(),
  }),
  z.object({ call: z.literal('state'), journal: z.string(), state: State.nullable() }),
  /** Asked back by the node that posts, before each try. */
  z.object({ call: z.literal('note'), journal: z.string(), note: Note }),
  z.object({ call: z.literal('forget'), credentials, messageIds }),
])
export type TelegramCall = z.infer<typeof TelegramCall>

/** A question of the kind `block`, answered with its bytes. */
export const BlockCall = z.object({ ...document, offset: z.int(), length: z.int() })
export type BlockCall = z.infer<typeof BlockCall>

/** Emitted while a call waits for Telegram: seconds. */
export const WaitEvent = z.object({ wait: z.number() })

/** Another node has the account by now. */
const Elsewhere = z.object({ elsewhere: z.string() })

/** An answer that is JSON: `value`, or where to ask instead. */
export function answerOf<T>(value: z.ZodType<T>) {
  return z.union([Elsewhere, z.object({ value })])
}

/** Why a question for bytes was answered with JSON. */
export const NoBytes = z.union([Elsewhere, z.object({ value: z.null() })])

const Found: z.ZodType<Found> = z.object({
  id: z.string(),
  size: z.number(),
  fileName: z.string().nullable(),
  mimeType: z.string().nullable(),
  modifiedAt: z.number().nullable(),
  caption: z.string().nullable(),
  road: z.enum(['bot-api', 'mtproto-user', 'mtproto-bot']),
})
/** A document without its locator: each node has its own. */
export type Found = Omit<RemoteDocument, 'locator'>

const Message: z.ZodType<ChannelMessage> = z.object({
  messageId,
  postedAt: z.number(),
  editedAt: z.number().nullable(),
  text: z.string(),
  forwarded: z.boolean(),
  postedBy: actor.nullable(),
  document: z
    .object({
      id: z.string(),
      size: z.number(),
      fileName: z.string().nullable(),
      mimeType: z.string().nullable(),
      thumbnail: z.boolean(),
    })
    .nullable(),
})
const messages = z.array(Message)

const Page: z.ZodType<ChannelPage> = z.object({
  messages,
  lowestId: z.int(),
  total: z.int().nullable(),
})

const Difference: z.ZodType<ChannelDifference> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('changes'),
    pts: z.int(),
    final: z.boolean(),
    messages,
    deletedIds: messageIds,
    timeout: z.number().nullable(),
  }),
  z.object({ kind: z.literal('too-long') }),
])

const Place: z.ZodType<SharedPlace> = z.object({
  document: z.object({
    id: z.string(),
    accessHash: z.string(),
    fileReference: z.string(),
    dcId: z.int(),
  }),
  addresses: z.array(z.object({ host: z.string(), port: z.int() })),
})

/** The values of answers, by what was called. */
export const VALUES = {
  locate: Found,
  locateAll: z.array(z.tuple([messageId, Found])),
  place: Place.nullable(),
  position: z.object({ pts: z.int(), before: z.int() }),
  page: Page,
  messages,
  difference: Difference,
  edit: z.object({ editedAt: z.number().nullable() }),
  remove: z.object({ refusedIds: messageIds }),
  post: z.object({ messageId, postedAt: z.number(), postedBy: actor }),
  postSmall: PostedFile,
  state: z.null(),
  note: z.null(),
  forget: z.null(),
} as const
