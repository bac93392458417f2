import type {
  MtprotoTransferState,
  PostedFile,
  StoredDocument,
} from '../../../core/ports/records.ts'
import type { TransferRequest } from '../../../core/ports/telegram.ts'
import type { Semaphore } from '../../../lib/concurrency/semaphore.ts'
import { faultOf, RpcError, unavailable } from '../../errors.ts'
import { BLOCK_BYTES } from '../../limits.ts'
import { isAsSent } from '../../verify.ts'
import type { Account } from '../account/account.ts'
import type { Channels } from '../account/channels.ts'
import type { CallOptions } from '../connection/request-channel.ts'
import type { Locator } from './locate.ts'
import { lookFor, makeDocument, type PostJob, postDocument } from './post.ts'
import { readBlock } from './read-block.ts'
import { sendParts } from './send-parts.ts'
import { partsHolderOf, resumeOrStart, type StateOptions, startOver } from './transfer-state.ts'

export interface UploadJob {
  account: Account
  road: MtprotoTransferState['road']
  request: TransferRequest
  channels: Channels
  /** Bytes of parts that all uploads together may hold in memory. */
  memory: Semaphore
  /** Milliseconds for which Telegram is trusted to keep parts. */
  partTtlMs: number
  /** The worker's time. */
  now: () => number
}

/** Parts that may be missing in one post before the transfer starts over. */
const MAX_MISSING = 3
/** New file ids in one call at most. */
const MAX_STARTS = 3

/** Sends what is here of a file that may still be arriving. Posts nothing. */
export async function sendAhead(job: UploadJob): Promise<void> {
  const { account, request } = job
  const requestChannel = account.requestChannel(account.dcId)
  const state = await resumeOrStart(stateOptions(job))
  if (state.document !== null) return
  await sendParts({ request, requestChannel, fileId: state.fileId, memory: job.memory })
}

/** Sends what is missing of a whole file, posts it exactly once, and says where it is. */
export async function sendAndPost(job: UploadJob): Promise<PostedFile> {
  const { account, request, channels } = job
  const { onEvent, signal } = request
  const onWait = (retryAfter: number): void => onEvent({ phase: 'waiting', retryAfter })
  const options: CallOptions = { signal, onWait }
  onEvent({ phase: 'resolving' })
  return channels.use(account, request.credentials.channelId, options, async (channel) => {
    const reading = { account, channel, options }
    const save = (state: MtprotoTransferState): Promise<void> => request.journal.save(state)
    const lost = await findLost({ request, reading, save })
    if (lost) return lost
    const state = await resumeOrStart(stateOptions(job))
    return deliver(job, { request, reading, state, save })
  })
}

/** What an earlier try has posted, whichever account it was: a document has one id for all. */
async function findLost(look: Omit<PostJob, 'state'>): Promise<PostedFile | null> {
  const state = await look.request.journal.load()
  if (state === null || state.road === 'bot-api') return null
  if (!state.document || state.postAttempts === 0) return null
  return lookFor({ ...look, state }, state.document)
}

/** Parts, document, message; back to an earlier step when Telegram has lost what it gave. */
async function deliver(job: UploadJob, post: PostJob): Promise<PostedFile> {
  const { request } = job
  let missing = 0
  for (let starts = 1; ; ) {
    try {
      const known = post.state.document
      const document = known ?? (await makeFromParts(job, post))
      request.onEvent({ phase: 'posting' })
      // What was tried to be posted before was read back before that.
      const isVerified = known !== null && post.state.postAttempts > 0
      if (isVerified || (await isDocumentAsSent(job, document))) {
        return await postDocument(post, document)
      }
      request.verification.damaged()
      await sendAnew(job, post)
    } catch (error) {
      request.signal.throwIfAborted()
      const fault = faultOf(error)
      if (fault.kind === 'reference-expired' && post.state.document && starts < MAX_STARTS) {
        starts++
        post.state = { ...post.state, document: null }
        await post.save(post.state)
      } else if (fault.kind === 'part-missing' && ++missing <= MAX_MISSING) {
        request.journal.removePart(fault.part)
      } else if (fault.kind === 'part-missing' || fault.kind === 'parts-lost') {
        if (starts++ >= MAX_STARTS) throw unavailable(error)
        missing = 0
        await sendAnew(job, post)
      } else {
        throw error
      }
    }
  }
}

/** Forgets all parts, so that they are sent again under a new file id. */
async function sendAnew(job: UploadJob, post: PostJob): Promise<void> {
  // The same random_id: should a try have arrived after all, Telegram says so.
  const { randomId, newestMessageId, postAttempts } = post.state
  const fresh = await startOver(stateOptions(job))
  post.state = { ...fresh, randomId, newestMessageId, postAttempts }
  await post.save(post.state)
}

/** Reads back what Telegram has made of the parts. */
function isDocumentAsSent(
  { account, request, memory }: UploadJob,
  document: StoredDocument,
): Promise<boolean> {
  const { file, signal } = request
  const locator: Locator = {
    use: (work) => work(account),
    document,
    thumbnail: null,
    cdn: null,
    // It is in no message that could be asked for: it has to be made anew.
    refresh: () => Promise.reject(new RpcError(400, 'FILE_REFERENCE_EXPIRED', 'upload.getFile')),
  }
  return isAsSent({
    request,
    blocks: request.verification.blocks(),
    read: (offset) => readBlock({ locator, size: file.size, offset, length: BLOCK_BYTES, signal }),
    memory,
  })
}

/** Sends the parts that are missing, and has Telegram make a document of them. */
async function makeFromParts(job: UploadJob, post: PostJob): Promise<StoredDocument> {
  const { account, request } = job
  const requestChannel = account.requestChannel(account.dcId)
  const { fileId } = post.state
  await sendParts({ request, requestChannel, fileId, memory: job.memory })
  request.onEvent({ phase: 'posting' })
  const document = await makeDocument(post)
  post.state = { ...post.state, document }
  await post.save(post.state)
  return document
}

function stateOptions({ account, road, request, partTtlMs, now }: UploadJob): StateOptions {
  return { journal: request.journal, road, partsHolder: partsHolderOf(account), partTtlMs, now }
}
