import { createHash } from 'node:crypto'
import { documentFileId } from '../../../core/model/file-id.ts'
import type {
  MtprotoTransferState,
  PostedFile,
  StoredDocument,
} from '../../../core/ports/records.ts'
import type { TransferRequest } from '../../../core/ports/telegram.ts'
import { unavailable } from '../../errors.ts'
import { PART_BYTES, SMALL_FILE_BYTES } from '../../limits.ts'
import { toInputPeer } from '../account/channel.ts'
import type { Api, Gramjs } from '../connection/gramjs.ts'
import { findMessage, type Reading } from './history.ts'
import { documentOf, thumbnailOf, toStoredDocument } from './messages.ts'
import { countParts } from './part-plan.ts'
import { postOnce } from './post-once.ts'
import { withThumbnail } from './send-thumbnail.ts'

export interface PostJob {
  request: TransferRequest
  reading: Reading
  state: MtprotoTransferState
  /** Puts the state where it survives the process. */
  save: (state: MtprotoTransferState) => Promise<void>
}

/**
 * Turns the parts into a document of Telegram's, which is not yet in any message.
 * Rejects with RpcError FILE_PART_n_MISSING and the like when parts are gone.
 */
export async function makeDocument({ request, reading, state }: PostJob): Promise<StoredDocument> {
  const { account, channel, options } = reading
  const { gramjs } = account
  const { Api } = gramjs
  const { file } = request
  const inputFile = await toInputFile(gramjs, request, state.fileId)
  const peer = toInputPeer(gramjs, channel)
  const answer = await withThumbnail(account, request, (thumb) => {
    const media = new Api.InputMediaUploadedDocument({
      file: inputFile,
      ...(thumb && { thumb }),
      mimeType: file.mimeType,
      attributes: [new Api.DocumentAttributeFilename({ fileName: file.name })],
      // Otherwise Telegram converts videos, whose message id is not final at once.
      forceFile: true,
      nosoundVideo: true,
    })
    return account.call(new Api.messages.UploadMedia({ peer, media }), options)
  })
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
 * Posts the document exactly once (postOnce).
 * Rejects with RpcError FILE_REFERENCE_EXPIRED when the document has to be made anew.
 */
export async function postDocument(job: PostJob, document: StoredDocument): Promise<PostedFile> {
  const { reading, request } = job
  const { gramjs } = reading.account
  const text = await request.caption()
  const posted = await postOnce({
    reading,
    state: job.state,
    save: (once) => {
      job.state = { ...job.state, ...once }
      return job.save(job.state)
    },
    isPosted: (message) => documentOf(gramjs, message)?.id.toString() === document.id,
    send: (randomId) => sendDocument(reading, { document, text, randomId }),
  })
  const found = posted.message && documentOf(gramjs, posted.message)
  return found ? toSeen(gramjs, posted.id, found) : toPosted(posted.id, document)
}

/** The posted file, if a message newer than the noted one carries the document. */
export async function lookFor(
  { reading, state }: PostJob,
  wanted: StoredDocument,
): Promise<PostedFile | null> {
  const { gramjs } = reading.account
  const isWanted = (message: Api.Message): boolean =>
    documentOf(gramjs, message)?.id.toString() === wanted.id
  const message = await findMessage(reading, { after: state.newestMessageId ?? 0 }, isWanted)
  const document = message && documentOf(gramjs, message)
  return document ? toSeen(gramjs, message.id, document) : null
}

export interface SentDocument {
  document: StoredDocument
  text: string
  /** The formats of the text. */
  entities?: Api.TypeMessageEntity[]
  randomId: string
}

/** One `messages.sendMedia` of a document that Telegram has. */
export async function sendDocument(
  { account, channel, options }: Reading,
  { document, text, entities = [], randomId }: SentDocument,
): Promise<Api.TypeUpdates> {
  const { gramjs } = account
  const { Api, toLong } = gramjs
  const id = new Api.InputDocument({
    id: toLong(document.id),
    accessHash: toLong(document.accessHash),
    fileReference: Buffer.from(document.fileReference, 'base64'),
  })
  return account.call(
    new Api.messages.SendMedia({
      peer: toInputPeer(gramjs, channel),
      media: new Api.InputMediaDocument({ id }),
      message: text,
      ...(entities.length > 0 && { entities }),
      // Files that come by the hundred must not ring for each member of the channel.
      silent: true,
      randomId: toLong(randomId),
    }),
    { ...options, once: true },
  )
}

/** A document as its message shows it. */
function toSeen(gramjs: Gramjs, messageId: number, document: Api.Document): PostedFile {
  const hasThumbnail = thumbnailOf(gramjs, document) !== null
  return { ...toPosted(messageId, toStoredDocument(document)), hasThumbnail }
}

function toPosted(messageId: number, document: StoredDocument): PostedFile {
  return { messageId, fileId: documentFileId(document) }
}
