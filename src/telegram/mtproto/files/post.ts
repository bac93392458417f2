import { createHash } from 'node:crypto'
import type {
  MtprotoTransferState,
  PostedFile,
  StoredDocument,
} from '../../../core/ports/records.ts'
import type { TransferRequest } from '../../../core/ports/telegram.ts'
import { backoff } from '../../../lib/waiting/retry.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { faultOf, unavailable } from '../../errors.ts'
import { documentFileId } from '../../file-id.ts'
import { PART_BYTES, SMALL_FILE_BYTES } from '../../limits.ts'
import { toInputPeer } from '../account/channel.ts'
import type { Api } from '../connection/gramjs.ts'
import { findPosted, newestMessageId, type Reading } from './history.ts'
import { postedMessageId, toStoredDocument } from './messages.ts'
import { countParts } from './part-plan.ts'
import { randomLong } from './transfer-state.ts'

export interface PostJob {
  request: TransferRequest
  reading: Reading
  state: MtprotoTransferState
  /** Puts the state where it survives the process. */
  save: (state: MtprotoTransferState) => Promise<void>
}

/** Tries of one post, each begun by looking whether an earlier one has arrived. */
const POST_ATTEMPTS = 6
/** Pauses between looks for a message of which Telegram says that it exists. */
const LOOKS_MS = [0, 500, 1500, 4000]

/**
 * Turns the parts into a document of Telegram's, which is not yet in any message.
 * Rejects with RpcError FILE_PART_n_MISSING and the like when parts are gone.
 */
export async function makeDocument({ request, reading, state }: PostJob): Promise<StoredDocument> {
  const { account, channel, options } = reading
  const { gramjs } = account
  const { Api } = gramjs
  const { file } = request
  const media = new Api.InputMediaUploadedDocument({
    file: await toInputFile(gramjs, request, state.fileId),
    mimeType: file.mimeType,
    attributes: [new Api.DocumentAttributeFilename({ fileName: file.name })],
    // Otherwise Telegram converts videos, whose message id is not final at once.
    forceFile: true,
    nosoundVideo: true,
  })
  const peer = toInputPeer(gramjs, channel)
  const answer = await account.call(new Api.messages.UploadMedia({ peer, media }), options)
  const document = answer instanceof Api.MessageMediaDocument ? answer.document : undefined
  if (!(document instanceof Api.Document)) throw unavailable()
  return toStoredDocument(document)
}

async function toInputFile(
  { Api, toLong }: Reading['account']['gramjs'],
  { file }: TransferRequest,
  fileId: string,
): Promise<Api.TypeInputFile> {
  const common = { id: toLong(fileId), parts: countParts(file.size), name: file.name }
  if (file.size > SMALL_FILE_BYTES) return new Api.InputFileBig(common)
  const digest = createHash('md5')
  for (let offset = 0; offset < file.size; offset += PART_BYTES) {
    const piece = Buffer.allocUnsafe(Math.min(PART_BYTES, file.size - offset))
    await file.read(offset, piece)
    digest.update(piece)
  }
  return new Api.InputFile({ ...common, md5Checksum: digest.digest('hex') })
}

/**
 * Posts the document exactly once, also when answers are lost or the process dies at any moment:
 * the `random_id` and the newest message before it are noted first, and every try but the very
 * first begins by looking for the document in newer messages. Telegram forgets a `random_id` at
 * some time, so it alone is no proof.
 *
 * Rejects with RpcError FILE_REFERENCE_EXPIRED when the document has to be made anew.
 */
export async function postDocument(job: PostJob, document: StoredDocument): Promise<PostedFile> {
  const { request, reading } = job
  for (let attempt = 1; ; attempt++) {
    if (job.state.postAttempts > 0) {
      const found = await lookFor(job, document)
      if (found) return found
    }
    await noteAttempt(job)
    try {
      const posted = await send(job, document)
      if (posted) return posted
    } catch (error) {
      request.signal.throwIfAborted()
      const { kind } = faultOf(error)
      if (kind === 'repeated') return await lookUntilFound(job, document, error)
      if (kind !== 'passing' || attempt >= POST_ATTEMPTS) throw error
      await sleep(backoff(attempt), reading.options.signal)
    }
  }
}

/** The posted file, if a message newer than the noted one carries the document. */
export async function lookFor(
  { reading, state }: PostJob,
  wanted: StoredDocument,
): Promise<PostedFile | null> {
  const isWanted = ({ id }: Api.Document): boolean => id.toString() === wanted.id
  const found = await findPosted(reading, { after: state.newestMessageId ?? 0 }, isWanted)
  return found && toPosted(found.message.id, toStoredDocument(found.document))
}

async function noteAttempt(job: PostJob): Promise<void> {
  const { state, reading } = job
  const randomId = state.randomId ?? randomLong()
  const newest = state.newestMessageId ?? (await newestMessageId(reading))
  job.state = {
    ...state,
    randomId,
    newestMessageId: newest,
    postAttempts: state.postAttempts + 1,
  }
  await job.save(job.state)
}

/** One `messages.sendMedia`; null when the answer does not say which message it made. */
async function send(job: PostJob, document: StoredDocument): Promise<PostedFile | null> {
  const { account, channel, options } = job.reading
  const { gramjs } = account
  const { Api, toLong } = gramjs
  const randomId = job.state.randomId ?? ''
  const id = new Api.InputDocument({
    id: toLong(document.id),
    accessHash: toLong(document.accessHash),
    fileReference: Buffer.from(document.fileReference, 'base64'),
  })
  const updates = await account.call(
    new Api.messages.SendMedia({
      peer: toInputPeer(gramjs, channel),
      media: new Api.InputMediaDocument({ id }),
      message: job.request.caption,
      // Files that come by the hundred must not ring for each member of the channel.
      silent: true,
      randomId: toLong(randomId),
    }),
    { ...options, once: true },
  )
  const messageId = postedMessageId(gramjs, updates, { documentId: document.id, randomId })
  return messageId === null ? null : toPosted(messageId, document)
}

/** Telegram has the message but did not say which: it may take a moment to appear. */
async function lookUntilFound(
  job: PostJob,
  document: StoredDocument,
  cause: unknown,
): Promise<PostedFile> {
  for (const pause of LOOKS_MS) {
    await sleep(pause, job.request.signal)
    const found = await lookFor(job, document)
    if (found) return found
  }
  throw unavailable(cause)
}

function toPosted(messageId: number, document: StoredDocument): PostedFile {
  return { messageId, fileId: documentFileId(document) }
}
