import { buffers, freeMemory } from '../../lib/buffer-pool.ts'
import { createOpener, createSealer, keyOf, newSalt, SALT_BYTES, TAG_BYTES } from './seal.ts'

/**
 * What an answer is made of: a salt, then frames. A frame has its type, the length of its content, the
 * sealed content, and the tag. The answer has ended with its first frame that is neither a sign of life
 * nor an event; without one it was broken off.
 */
export const FRAME_TYPES = ['alive', 'event', 'value', 'bytes', 'error', 'clock'] as const

export type FrameType = (typeof FRAME_TYPES)[number]

export interface Frame {
  readonly type: FrameType
  readonly content: Buffer
}

/** What is no answer of a node of this cluster to this question. */
export class StrangeAnswer extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'StrangeAnswer'
  }
}

const HEAD_BYTES = 5
/** A block of a document has 1 MiB; a channel's page some hundred KB. */
const MAX_CONTENT_BYTES = 32 * 1024 * 1024

/** Returns the first bytes of an answer, and what makes its frames, each in pieces. */
export function createAnswer(secret: Uint8Array, question: Uint8Array) {
  const salt = newSalt()
  const { seal } = createSealer(keyOf(secret, 'answer', [question, salt]))
  return {
    salt,
    frame: (type: FrameType, content: Uint8Array): Buffer[] => {
      const head = Buffer.alloc(HEAD_BYTES)
      head.writeUInt8(FRAME_TYPES.indexOf(type))
      head.writeUInt32BE(content.length, 1)
      return [head, ...seal(content, head)]
    },
  }
}

/**
 * Reads an answer frame by frame; a frame is passed on when its tag has come and is right. Rejects with
 * StrangeAnswer for one that is not, and where the bytes end too early.
 */
export async function* readFrames(
  source: AsyncIterator<Buffer>,
  secret: Uint8Array,
  question: Uint8Array,
): AsyncGenerator<Frame, never, undefined> {
  const bytes = createByteReader(source)
  const salt = await bytes.exactly(SALT_BYTES)
  const opener = createOpener(keyOf(secret, 'answer', [question, salt]))
  for (;;) {
    const head = await bytes.exactly(HEAD_BYTES)
    const type = FRAME_TYPES[head.readUInt8()]
    const length = head.readUInt32BE(1)
    if (type === undefined || length > MAX_CONTENT_BYTES) throw new StrangeAnswer('no such frame')
    const frame = opener.begin(head)
    // Decrypted as it comes: a block of a megabyte neither waits nor is put together first.
    const content = await bytes.exactly(length, frame.update)
    if (!frame.isGenuine(await bytes.exactly(TAG_BYTES))) {
      throw new StrangeAnswer('a frame that is not genuine')
    }
    yield { type, content }
  }
}

function createByteReader(source: AsyncIterator<Buffer>) {
  let rest: Buffer = Buffer.alloc(0)

  async function more(): Promise<void> {
    const { value, done } = await source.next()
    if (done) throw new StrangeAnswer('the answer was broken off')
    rest = value
  }

  return {
    /** The next bytes, passed through `change` piece by piece. */
    exactly: async (
      length: number,
      change: (piece: Buffer) => Buffer = (piece) => piece,
    ): Promise<Buffer> => {
      const result = buffers.take(length)
      for (let at = 0; at < length; ) {
        if (rest.length === 0) await more()
        const piece = rest.subarray(0, length - at)
        rest = rest.subarray(piece.length)
        const changed = change(piece)
        changed.copy(result, at)
        if (changed !== piece) freeMemory(changed)
        at += piece.length
      }
      return result
    },
  }
}
