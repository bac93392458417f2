import { isUnknownUpload, TeleStoreError } from '../error.ts'
import type { Follower } from '../follow.ts'
import { withRetries } from '../retry.ts'
import { numbersOf } from '../wire.ts'
import { type SendOptions, sendChunks } from './send-chunks.ts'
import type { TransferProgress } from './upload-api.ts'

/** Everything that carries one file. */
export interface UploadContext extends SendOptions {
  follower: Follower
}

export interface RunRequest {
  uploadId: string
  /** Indices of the chunks the worker has; null for an upload it has not heard of. */
  present: ReadonlySet<number> | null
  signal: AbortSignal
}

/** How often the worker may find chunks missing that it has acknowledged: it lost its disk. */
const MAX_ROUNDS = 5
/** Looks at the progress may fail for longer than chunks, which say the same. */
const FOLLOW_ATTEMPTS = 20
/** The worker forgets what is finished after an hour. */
const FORGETS_AFTER_MS = 55 * 60_000

/** Brings the file to the worker and waits until it is in Telegram; resolves with the end. */
export async function runUpload(
  context: UploadContext,
  request: RunRequest,
): Promise<TransferProgress> {
  const { follower, state } = context
  const { uploadId, signal } = request
  if (request.present === null) await open(context, request)
  const over = new AbortController()
  const either = AbortSignal.any([signal, over.signal])
  let sealed = false
  let heardAt = Date.now()

  const end = follower.follow({
    uploadId,
    signal: either,
    attempts: FOLLOW_ATTEMPTS,
    mayBegin: () => !sealed,
    onWait: state.wait.bind(null, 'following'),
    onProgress: (progress) => {
      heardAt = Date.now()
      state.telegram(progress)
    },
  })
  const delivered = deliver(context, { ...request, signal: either }).then(() => {
    sealed = true
    state.enter('telegram')
    return end
  })
  // Whichever loses the race is nobody's error.
  end.catch(() => {})
  delivered.catch(() => {})
  try {
    // A transfer may fail, or another program may finish it, while chunks are still being sent.
    return await Promise.race([delivered, end])
  } catch (error) {
    const forgotten = sealed && isUnknownUpload(error) && Date.now() - heardAt > FORGETS_AFTER_MS
    throw forgotten ? forgottenUpload(error) : error
  } finally {
    over.abort()
    await delivered.catch(() => {})
  }
}

/** Before any byte: is the token good, is the file one that the worker takes. */
async function open(context: UploadContext, { uploadId, signal }: RunRequest): Promise<void> {
  const { fileName, mimeType, size, totalChunks } = context.file
  const body = {
    uploadId,
    fileName,
    totalChunks,
    fileSize: size,
    ...(mimeType !== null && { mimeType }),
  }
  await post(context, '/init-upload', { body, signal })
}

/** Sends what is missing and says that the file is whole. */
async function deliver(context: UploadContext, request: RunRequest): Promise<void> {
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

/** A small call that waits while the upload is paused. */
async function post(
  { caller, gate, state, attempts }: UploadContext,
  path: string,
  { body, signal }: { body: object; signal: AbortSignal },
): Promise<void> {
  const send = (open: AbortSignal) => caller.json(path, { method: 'POST', body, signal: open })
  const onWait = state.wait.bind(null, path)
  await withRetries(() => gate.pass(send, signal), { attempts, signal, onWait })
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
