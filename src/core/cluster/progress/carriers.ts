import { sleep } from '../../../lib/waiting/sleep.ts'
import type { NodeAddress } from '../../ports/cluster/leases.ts'
import type { Peers } from '../../ports/cluster/peers.ts'
import type { Log } from '../../ports/log.ts'
import type { Progress } from '../../progress/progress-board.ts'
import type { ProgressChange } from '../../progress/progress-feed.ts'

export interface CarriersOptions {
  peers: Pick<Peers, 'ask'>
  /** Called with each change that a carrier tells. */
  onChange: (change: ProgressChange, carrier: NodeAddress) => void
  log: Log
}

/** One question to each node that carries what is watched here. */
export interface Carriers {
  /** Asks these nodes for these uploads from now on, and no others. */
  ask: (wanted: ReadonlyMap<NodeAddress, readonly string[]>) => void
  /** Whether that node tells of the upload as it goes on. */
  tells: (carrier: NodeAddress | null, uploadId: string) => boolean
}

interface Question {
  readonly ids: ReadonlySet<string>
  readonly stop: AbortController
  /** Whether the node has begun to answer. */
  answers: boolean
}

/** A question that is replaced goes on for so long, so that nothing is missed between the two. */
const OVERLAP_MS = 1_000

export function createCarriers({ peers, onChange, log }: CarriersOptions): Carriers {
  const questions = new Map<NodeAddress, Question>()

  function open(carrier: NodeAddress, ids: ReadonlySet<string>): void {
    const question: Question = { ids, stop: new AbortController(), answers: false }
    questions.set(carrier, question)
    const onEvent = (event: unknown): void => {
      question.answers = true
      if (question.stop.signal.aborted) return
      const change = parseChange(event)
      if (change && ids.has(change.uploadId)) onChange(change, carrier)
    }
    const asked = { kind: 'progress', body: { uploadIds: [...ids] } } as const
    peers
      .ask(carrier, asked, { signal: question.stop.signal, onEvent })
      .catch((err: unknown) => {
        if (!question.stop.signal.aborted) log.debug({ carrier, err }, 'progress goes by the rows')
      })
      .finally(() => {
        // The next look asks again.
        if (questions.get(carrier) === question) questions.delete(carrier)
      })
  }

  function close(question: Question): void {
    question.stop.abort(new Error('nobody watches'))
  }

  return {
    ask: (wanted) => {
      for (const [carrier, question] of questions) {
        if (wanted.has(carrier)) continue
        questions.delete(carrier)
        close(question)
      }
      for (const [carrier, list] of wanted) {
        const ids = new Set(list)
        const before = questions.get(carrier)
        if (before && isSame(before.ids, ids)) continue
        open(carrier, ids)
        if (before) void sleep(OVERLAP_MS).then(() => close(before))
      }
    },
    tells: (carrier, uploadId) => {
      const question = carrier === null ? undefined : questions.get(carrier)
      return question?.answers === true && question.ids.has(uploadId)
    },
  }
}

function isSame(some: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return some.size === others.size && [...some].every((each) => others.has(each))
}

/** What another node has told, which is a node of this cluster: its form is not looked at any further. */
function parseChange(event: unknown): ProgressChange | null {
  if (typeof event !== 'object' || event === null) return null
  const { uploadId, progress } = event as { uploadId?: unknown; progress?: unknown }
  if (typeof uploadId !== 'string' || typeof progress !== 'object') return null
  return { uploadId, progress: progress as Progress | null }
}
