import { encodeForm, InputFile } from 'node-telegram-bot-api'
import type { OutgoingFile, TransferRequest } from '../../core/ports/telegram.ts'
import { KiB } from '../../lib/units.ts'

const PIECE_SIZE = 512 * KiB
const THUMBNAIL = { filename: 'thumbnail.jpg', contentType: 'image/jpeg' }

export interface DocumentForm {
  chat_id: string
  document: InputFile
  caption: string
  thumbnail?: InputFile
  /** Files that come by the hundred must not ring for each member of the channel. */
  disable_notification: true
  /** Otherwise Telegram converts videos, and then the message's id is not final at once. */
  disable_content_type_detection: true
}

/** Lends buffers of one piece each; those that come back are lent again. */
export interface PiecePool {
  take: (size: number) => Uint8Array
  /** Takes back only what was lent here; ignores everything else, copies too. */
  giveBack: (piece: Uint8Array) => void
}

/** Without it, pieces of a whole file stay in memory until the garbage collector runs. */
export function createPiecePool(): PiecePool {
  const free: Uint8Array[] = []
  const lent = new WeakSet<Uint8Array>()
  return {
    take: (size) => {
      if (size < PIECE_SIZE) return new Uint8Array(size)
      const piece = free.pop() ?? new Uint8Array(PIECE_SIZE)
      lent.add(piece)
      return piece
    },
    giveBack: (piece) => {
      if (lent.delete(piece)) free.push(piece)
    },
  }
}

/** What is posted, and where. */
export interface DocumentPost extends Pick<TransferRequest, 'file'> {
  chatId: string
  caption: string
  /** A JPEG, or null. */
  thumbnail: Uint8Array | null
}

/** The parameters of `sendDocument`; the file is read piece by piece as the body is sent. */
export function createDocumentForm(post: DocumentPost, pool: PiecePool): DocumentForm {
  return formWith(post, () => readPieces(post.file, pool))
}

/** The bytes of the whole multipart body: known beforehand, it can be sent with its length. */
export async function measureForm(post: DocumentPost): Promise<number> {
  const { file } = post
  const { body } = await encodeForm({ ...formWith(post, new Uint8Array()) })
  let overhead = 0
  for await (const piece of new Response(body()).body ?? []) overhead += piece.length
  return overhead + file.size
}

function formWith(
  { chatId, file, caption, thumbnail }: DocumentPost,
  bytes: InputFile['data'],
): DocumentForm {
  const meta = {
    filename: escapeFileName(file.name),
    contentType: file.mimeType || 'application/octet-stream',
  }
  return {
    chat_id: chatId,
    document: new InputFile(bytes, meta),
    caption,
    ...(thumbnail && { thumbnail: new InputFile(thumbnail, THUMBNAIL) }),
    disable_notification: true,
    disable_content_type_detection: true,
  }
}

/**
 * The Bot API server reads a part's file name as a quoted string (a backslash escapes) and then
 * decodes `%XX`. The library escapes quotes and line ends that way, but neither the backslash nor
 * a name's own `%XX`, which would arrive as other names.
 */
function escapeFileName(name: string): string {
  return name
    .toWellFormed()
    .replace(/%(?=[0-9a-f]{2})/gi, '%25')
    .replaceAll('\\', '%5C')
}

function readPieces(file: OutgoingFile, pool: PiecePool): ReadableStream<Uint8Array> {
  let offset = 0
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (offset >= file.size) return controller.close()
        const piece = pool.take(Math.min(PIECE_SIZE, file.size - offset))
        await file.read(offset, piece)
        offset += piece.length
        controller.enqueue(piece)
      },
    },
    { highWaterMark: 0 },
  )
}
