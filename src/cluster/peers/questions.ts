import { z } from 'zod'
import type { PeerQuestionKind } from '../../core/ports/cluster/peers.ts'
import { createOpener, createSealer, keyOf, newSalt, SALT_BYTES, TAG_BYTES } from './seal.ts'

/**
 * A question as it travels: its head in a header, so that a stranger's body is not read, and its body.
 * Both are sealed with a key that only nodes of the cluster can make, and bound to the node that is
 * asked and to the kind of the question.
 */
export interface SealedQuestion {
  /** What the answer is bound to. */
  readonly salt: Buffer
  /** The value of `QUESTION_HEADER`. */
  readonly head: string
  readonly body: Buffer
}

export interface QuestionHead {
  /** The address of the node that asks. */
  readonly from: string
  /** By the clock of the node that is asked, as far as the asker knows it; milliseconds. */
  readonly issuedAt: number
  /** Which process at that address is asked; none where the asker does not know yet. */
  readonly instance: string
  /** Of the sealed body. */
  readonly bytes: number
}

export interface OpenedQuestion extends QuestionHead {
  readonly salt: Buffer
  /** Null: these are not the bytes that belong to the head. */
  readonly open: (body: Uint8Array) => { body?: unknown } | null
}

export interface Binding {
  /** The address of the node that is asked. */
  readonly to: string
  readonly kind: PeerQuestionKind
}

export const QUESTION_HEADER = 'x-telestore-question'
/** Beyond that it is no question; a call of the gateway with a small picture has a tenth of it. */
export const MAX_QUESTION_BYTES = 4 * 1024 * 1024

const Head = z.object({
  from: z.string().max(2_048),
  issuedAt: z.int(),
  instance: z.string().max(64),
  bytes: z.int().min(1).max(MAX_QUESTION_BYTES),
})

const Content = z.object({ body: z.unknown().optional() })

export function sealQuestion(
  secret: Uint8Array,
  binding: Binding,
  { body, ...head }: Omit<QuestionHead, 'bytes'> & { body: unknown },
): SealedQuestion {
  const salt = newSalt()
  const { seal } = createSealer(keyOf(secret, 'question', [salt]))
  const bound = boundTo(binding)
  const content = Buffer.from(JSON.stringify({ body }))
  const bytes = content.length + TAG_BYTES
  if (bytes > MAX_QUESTION_BYTES) throw new RangeError('the question is too long for a peer')
  const whole: QuestionHead = { ...head, bytes }
  const sealed = seal(Buffer.from(JSON.stringify(whole)), bound)
  return {
    salt,
    head: Buffer.concat([salt, ...sealed]).toString('base64url'),
    body: Buffer.concat(seal(content, bound)),
  }
}

/** Returns null for what no node of this cluster has asked this one. */
export function openQuestion(
  secret: Uint8Array,
  binding: Binding,
  head: string,
): OpenedQuestion | null {
  const sealed = Buffer.from(head, 'base64url')
  if (sealed.length <= SALT_BYTES) return null
  const salt = sealed.subarray(0, SALT_BYTES)
  const opener = createOpener(keyOf(secret, 'question', [salt]))
  const bound = boundTo(binding)
  const plain = opener.open(sealed.subarray(SALT_BYTES), bound)
  const parsed = plain && Head.safeParse(JSON.parse(plain.toString()))
  if (!parsed?.success) return null
  return {
    ...parsed.data,
    salt,
    open: (body) => {
      const content = opener.open(body, bound)
      return content && Content.parse(JSON.parse(content.toString()))
    },
  }
}

function boundTo({ to, kind }: Binding): Buffer {
  return Buffer.from(`${kind} ${to}`)
}
