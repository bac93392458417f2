import { Api } from 'node-telegram-bot-api'
import { z } from 'zod'
import type { PostedFile } from '../../core/ports/records.ts'
import type { TransferRequest } from '../../core/ports/telegram.ts'
import { KiB, MiB } from '../../lib/units.ts'
import { ask, type BotApiCircuit } from './ask.ts'
import { toChatId } from './chat-id.ts'
import { createDocumentForm, createPiecePool, measureForm } from './document-form.ts'
import { classify, type Failure } from './failure.ts'
import type { ExchangeTimeouts } from './http-request.ts'
import { createNodeFetch, type ExchangeTrace } from './node-fetch.ts'

const MAX_ANSWER_BYTES = 256 * KiB

export interface SendDocumentOptions {
  root: string
  token: string
  timeouts: ExchangeTimeouts
  circuit: BotApiCircuit
  /** Called before the last bytes leave: from here on Telegram may post the file. */
  onMayPost: () => Promise<void>
}

const fileId = z.string().min(1)
const Sent = z
  .object({ file_id: fileId, thumbnail: z.object({ file_id: fileId }).optional().catch(undefined) })
  .optional()
/** Telegram names the same document otherwise when it thinks that it knows better. */
const Message = z
  .object({
    message_id: z.int().positive(),
    document: Sent,
    animation: Sent,
    video: Sent,
    audio: Sent,
    voice: Sent,
    sticker: Sent,
  })
  .transform(({ message_id, ...kinds }) => {
    const sent = Object.values(kinds).find((kind) => kind !== undefined)
    return { messageId: message_id, fileId: sent?.file_id, thumbnailId: sent?.thumbnail?.file_id }
  })

/**
 * One try of `sendDocument`, and a second one without the thumbnail where the first was refused for a
 * reason that may be the thumbnail. Rejects only with the signal's reason.
 */
export async function trySendDocument(
  request: TransferRequest,
  options: SendDocumentOptions,
): Promise<PostedFile | Failure> {
  const thumbnail = await request.thumbnail.load()
  const outcome = await trySend(request, thumbnail, options)
  if (thumbnail === null || !('kind' in outcome) || !mayBeThumbnail(outcome)) return outcome
  request.thumbnail.refused(outcome.error)
  return trySend(request, null, options)
}

/** What is known to have another reason is no reason to send the whole file again. */
function mayBeThumbnail({ kind, error }: Failure): boolean {
  return kind === 'final' && error.code === 'TELEGRAM_REJECTED'
}

async function trySend(
  request: TransferRequest,
  thumbnail: Uint8Array | null,
  { root, token, timeouts, circuit, onMayPost }: SendDocumentOptions,
): Promise<PostedFile | Failure> {
  const { file, credentials, signal, onEvent } = request
  const trace: ExchangeTrace = { complete: false, status: null }
  const pool = createPiecePool()
  try {
    const caption = await request.caption()
    const outgoing = { chatId: toChatId(credentials.channelId), file, caption, thumbnail }
    const contentLength = await measureForm(outgoing)
    const overhead = contentLength - file.size
    const fetch = createNodeFetch({
      // A Bot API server hands the file on before it answers: a larger one takes it longer.
      timeouts: { ...timeouts, answerMs: timeouts.answerMs + (file.size / MiB) * 1000 },
      trace,
      maxAnswerBytes: MAX_ANSWER_BYTES,
      contentLength,
      onLastPiece: onMayPost,
      onSent: (piece, bytes) => {
        pool.giveBack(piece)
        // Less than the whole: what the socket took Telegram has not accepted yet.
        const acceptedBytes = Math.min(Math.max(0, bytes - overhead), file.size - 1)
        onEvent({ phase: 'sending', acceptedBytes })
      },
    })
    const api = new Api(token, { apiRoot: root, fetch, maxRetries: 0, timeoutMs: 0 })
    const form = createDocumentForm(outgoing, pool)
    const post = async (): Promise<PostedFile> =>
      toPostedFile(await api.sendDocument({ ...form }, signal))
    const outcome = await ask(post, { asks: 'post', circuit, trace, token, signal })
    return 'value' in outcome ? outcome.value : outcome
  } catch (error) {
    signal.throwIfAborted()
    return classify(error, { asks: 'post', trace, token })
  }
}

function toPostedFile(message: unknown): PostedFile {
  const { messageId, fileId, thumbnailId } = Message.safeParse(message).data ?? {}
  if (messageId !== undefined && fileId !== undefined) {
    const thumbnail = thumbnailId === undefined ? {} : { thumbnailId }
    return { messageId, fileId, hasThumbnail: thumbnailId !== undefined, ...thumbnail }
  }
  throw new Error('Telegram answered without saying where the file is')
}
