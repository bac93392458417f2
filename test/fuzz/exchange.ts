import { connect, type Socket } from 'node:net'
import { KiB, MiB } from '../../src/lib/units.ts'
import { type ReadAnswers, readAnswers } from './answers.ts'
import { type HostileRequest, mayBeHead } from './requests.ts'

export interface Exchange extends ReadAnswers {
  /** Everything that came back. */
  raw: Buffer
}

export interface ExchangeOptions {
  port: number
  /** The loopback address to come from: budgets and limits are kept by address. */
  from?: string
}

/** After that long a connection that is neither answered nor closed is a finding. */
const BOUND_MS = 60_000
/** After that much silence a client says that it has sent all it will; later where it waits for an answer. */
const IMPATIENT_MS = 60
const PATIENT_MS = 30_000
const MAX_ANSWER_BYTES = 8 * MiB

/**
 * Sends the bytes as they are and reads until the server closes. Once there is an answer, or there
 * was silence, it ends its own side, which every server must take as the end.
 */
export function exchange(request: HostileRequest, options: ExchangeOptions): Promise<Exchange> {
  const { port, from = '127.0.0.1' } = options
  const { expected = ['closed'] } = request
  const patienceMs = expected.includes('closed') ? IMPATIENT_MS : PATIENT_MS
  const mayBeHeads = mayBeHead(request)
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true })
    const received: Buffer[] = []
    let size = 0
    let patience: NodeJS.Timeout | undefined
    const bound = setTimeout(() => {
      socket.destroy()
      reject(new Error('neither an answer nor an end in time'))
    }, BOUND_MS)
    const wait = (): void => {
      clearTimeout(patience)
      patience = setTimeout(() => socket.end(), size > 0 ? IMPATIENT_MS : patienceMs)
    }
    const read = (): ReadAnswers => readAnswers(Buffer.concat(received), mayBeHeads)

    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      received.push(bytes)
      size += bytes.length
      if (size > MAX_ANSWER_BYTES) socket.destroy()
      wait()
      if (size < 64 * KiB && read().complete) socket.end()
    })
    socket.on('end', () => socket.end())
    // A reset is an end, too: the server may cut what it cannot read.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(bound)
      clearTimeout(patience)
      resolve({ ...read(), raw: Buffer.concat(received) })
    })
    void send(socket, request).then(wait)
  })
}

async function send(socket: Socket, { pieces, cut }: HostileRequest): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return
    socket.write(piece)
    if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve))
  }
  if (cut) socket.destroySoon()
}
