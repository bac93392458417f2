import { isUnknownUpload, TeleStoreError } from '../error.ts'
import type { Follower } from '../follow.ts'
import { withRetries } from '../retry.ts'
import { numbersOf } from '../wire.ts'
import { type SendOptions, sendChunks } from './send-chunks.ts'
import type { TransferProgress } from './upload-api.ts'

/** What an upload of one file works with. */
export interface UploadContext extends SendOptions {
  /** In base64; null: there is none, or it was refused. Does not reject. */
  thumbnail: () => Promise<string | null>
  follower: Follower
}

export interface RunRequest {
  uploadId: string
  /** Indices of the chunks that the worker has; null for an upload that it does not know. */
  present: ReadonlySet<number> | null
  signal: AbortSignal
}

/** How often the worker may find acknowledged chunks missing, which happens when it loses its disk. */
const MAX_ROUNDS = 5
/** More tries than for a chunk: while chunks are sent, they notice a lost worker first. */
const FOLLOW_ATTEMPTS = 20
/** The worker forgets a finished upload after an hour. */
const FORGETS_AFTER_MS = 55 * 60_000

/** Sends the file to the worker and waits until it is in Telegram. Resolves with the last progress. */
export async function runUpload(
  context: UploadContext,
  request: RunRequest,
): Promise<TransferProgress> {
  const { follower, state } = context
  const { uploadId, signal } = request
  if (request.present === null) await announce(context, request)
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  let sealed = false
  let lastProgressAt = Date.now()

  const end = follower.follow({
    uploadId,
    signal: either,
    attempts: FOLLOW_ATTEMPTS,
    mayBegin: () => !sealed,
    onWait: state.wait.bind(null, 'following'),
    onProgress: (progress) => {
      lastProgressAt = Date.now()
      state.transferred(progress)
    },
  })
  const sent = sendAll(context, { ...request, signal: either }).then(() => {
    sealed = true
    state.enter('telegram')
    return end
  })
  // The promise that loses the race may reject later, and must not end the process then.
  end.catch(() => {})
  sent.catch(() => {})
  try {
    // A transfer may fail, or another program may finish it, while chunks are still being sent.
    return await Promise.race([sent, end])
  } catch (error) {
    const forgotten =
      sealed && isUnknownUpload(error) && Date.now() - lastProgressAt > FORGETS_AFTER_MS
    throw forgotten ? forgottenUpload(error) : error
  } finally {
    over.abort()
    await sent.catch(() => {})
  }
}

/** Announces the upload, so that a bad token or a file that the worker refuses fails before any byte is sent. */
async function announce(context: UploadContext, { uploadId, signal }: RunRequest): Promise<void> {
  const { fileName, mimeType, modifiedAt, folder, onConflict, size, totalChunks } = context.file
  const body = {
    uploadId,
    fileName,
    totalChunks,
    fileSize: size,
    ...(mimeType !== null && { mimeType }),
    ...(modifiedAt !== null && { modifiedAt }),
    ...(folder !== null && { folder }),
    ...(onConflict !== null && { onConflict }),
  }
  const thumbnail = await context.thumbnail()
  if (thumbnail !== null) {
    try {
      await post(context, '/init-upload', { body: { ...body, thumbnail }, signal })
      return
    } catch (error) {
      if (!mayBeThumbnail(error)) throw error
    }
  }
  await post(context, '/init-upload', { body, signal })
}

/** Whether the call may succeed without its thumbnail: older workers take no body of this size. */
function mayBeThumbnail(error: unknown): boolean {
  if (!(error instanceof TeleStoreError)) return false
  return error.code === 'PAYLOAD_TOO_LARGE' || error.details.field === 'thumbnail'
}

/** Sends the missing chunks and completes the upload. */
async function sendAll(context: UploadContext, request: RunRequest): Promise<void> {
  const { file, state } = context
  const { uploadId, signal } = request
  const all = Array.from({ length: file.totalChunks }, (_, index) => index)
  let indices = all.filter((index) => !request.present?.has(index))
  for (let round = 1; ; round++) {
    state.enter('sending')
    await sendChunks(context, { uploadId, indices, signal })
    try {
      await post(context, '/complete-upload', { body: { uploadId }, signal })
      return
    } catch (error) {
      const missing = missingIn(error)
      if (missing.length === 0 || round >= MAX_ROUNDS) throw error
      const gone = new Set(missing)
      state.begin(
        uploadId,
        all.filter((index) => !gone.has(index)),
      )
      indices = missing
    }
  }
}

/** Posts a small call, which waits while the upload is paused. */
async function post(
  { caller, gate, state, attempts }: UploadContext,
  path: string,
  { body, signal }: { body: object; signal: AbortSignal },
): Promise<void> {
  const send = (running: AbortSignal) =>
    caller.json(path, { method: 'POST', body, signal: running })
  const onWait = state.wait.bind(null, path)
  await withRetries(() => gate.run(send, signal), { attempts, signal, onWait })
}

function missingIn(error: unknown): number[] {
  if (!(error instanceof TeleStoreError) || error.code !== 'CHUNKS_MISSING') return []
  return numbersOf(error.details.missing)
}

function forgottenUpload(cause: unknown): TeleStoreError {
  const sentence =
    'The worker has not been asked for so long that it has forgotten how this upload ended. Look into the channel before adding the file again'
  return new TeleStoreError('UPLOAD_FORGOTTEN', sentence, { cause })
}
