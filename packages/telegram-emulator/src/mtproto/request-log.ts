import type { Encoded } from '../tl/writer.ts'
import type { Message } from './messages/encrypted-message.ts'
import { messageTime } from './messages/message-id.ts'

/** Codes of bad_msg_notification (https://core.telegram.org/mtproto/service_messages_about_messages#notice-of-ignored-error-message). */
export const BAD_MESSAGE = {
  idTooLow: 16,
  idTooHigh: 17,
  idNotDivisible: 18,
  containerRepeated: 19,
  tooOld: 20,
  seqnoTooLow: 32,
  seqnoTooHigh: 33,
  seqnoNotEven: 34,
  seqnoNotOdd: 35,
  wrongSalt: 48,
  invalidContainer: 64,
} as const

/** An answer as it was sent, kept until the client acknowledges it. */
export interface Answer {
  id: bigint
  seqno: number
  body: Encoded
}

/** The state of one message of the client. */
export interface Request {
  id: bigint
  answer: Answer | null
  /** Still being worked on. */
  isRunning: boolean
  /** The client no longer wants the answer (rpc_drop_answer). */
  isDropped: boolean
  /** For invokeAfterMsg: whether it succeeded, once it has ended. */
  succeeded: Promise<boolean>
  settle: (succeeded: boolean) => void
}

export interface RequestLog {
  readonly size: number
  /** The code of the rule that a message breaks, or null. */
  check: (message: Message) => number | null
  find: (id: bigint) => Request | undefined
  add: (message: Message) => Request
  /** Whether an id is too old to say anything about it. */
  isForgotten: (id: bigint) => boolean
  keepAnswer: (request: Request, answer: Answer) => void
  findAnswer: (answerId: bigint) => Answer | undefined
  /** Forgets these answers: the client has received them. */
  acknowledge: (answerIds: bigint[]) => void
  dropAnswer: (request: Request) => void
  /** Forgets the request, as if it had never been received. */
  forget: (request: Request) => void
}

const MAX_REQUESTS = 5000
const PAST_SECONDS = 300
const FUTURE_SECONDS = 30
/** An answer from this size on is bulk: it may be forgotten early, for the method can simply run again. */
const BULK_LENGTH = 64 * 1024
const MAX_BULK_BYTES = 16 * 1024 * 1024

/** The messages that one session has received and answered; bounded. */
export function createRequestLog(): RequestLog {
  const requests = new Map<bigint, Request>()
  const answers = new Map<bigint, Request>()
  const bulk = new Set<Request>()
  let bulkBytes = 0
  let floor = 0n
  let newest: Message | null = null

  function checkOrder({ id, seqno }: Message): number | null {
    if (!newest) return null
    if (id > newest.id) {
      const isLow = seqno < newest.seqno || (seqno === newest.seqno && seqno % 2 === 1)
      return isLow ? BAD_MESSAGE.seqnoTooLow : null
    }
    return seqno > newest.seqno ? BAD_MESSAGE.seqnoTooHigh : null
  }

  function forgetAnswer(request: Request): void {
    const { answer } = request
    if (!answer) return
    answers.delete(answer.id)
    if (bulk.delete(request)) bulkBytes -= answer.body.length
    request.answer = null
  }

  function forget(request: Request): void {
    forgetAnswer(request)
    requests.delete(request.id)
  }

  function trimRequests(): void {
    for (const [id, request] of requests) {
      if (requests.size <= MAX_REQUESTS) return
      if (request.isRunning) continue
      forget(request)
      if (id > floor) floor = id
    }
  }

  function trimBulk(): void {
    for (const request of bulk) {
      if (bulkBytes <= MAX_BULK_BYTES) return
      forget(request)
    }
  }

  return {
    get size() {
      return requests.size
    },
    check: (message) => {
      const now = Date.now() / 1000
      const time = messageTime(message.id)
      if (message.id % 4n !== 0n) return BAD_MESSAGE.idNotDivisible
      if (time < now - PAST_SECONDS) return BAD_MESSAGE.idTooLow
      if (time > now + FUTURE_SECONDS) return BAD_MESSAGE.idTooHigh
      if (requests.has(message.id)) return null
      return message.id <= floor ? BAD_MESSAGE.tooOld : checkOrder(message)
    },
    find: (id) => requests.get(id),
    add: (message) => {
      const { promise: succeeded, resolve: settle } = Promise.withResolvers<boolean>()
      const request: Request = {
        id: message.id,
        answer: null,
        isRunning: false,
        isDropped: false,
        succeeded,
        settle,
      }
      requests.set(message.id, request)
      if (!newest || message.id > newest.id) {
        newest = { id: message.id, seqno: message.seqno, body: new Uint8Array(0) }
      }
      trimRequests()
      return request
    },
    isForgotten: (id) => id <= floor,
    keepAnswer: (request, answer) => {
      request.answer = answer
      answers.set(answer.id, request)
      if (answer.body.length < BULK_LENGTH) return
      bulk.add(request)
      bulkBytes += answer.body.length
      trimBulk()
    },
    findAnswer: (answerId) => answers.get(answerId)?.answer ?? undefined,
    acknowledge: (answerIds) => {
      for (const id of answerIds) {
        const request = answers.get(id)
        if (request) forgetAnswer(request)
      }
    },
    dropAnswer: forgetAnswer,
    forget,
  }
}
