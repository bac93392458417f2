import type { ClusterMetrics, QuestionOutcome } from '../../core/ports/cluster/metrics.ts'
import type { AskOptions, PeerQuestion, Peers } from '../../core/ports/cluster/peers.ts'
import { AppError } from '../../errors.ts'

/** Peers whose questions are counted and timed, and are otherwise the same. */
export function meterPeers<P extends Peers>(peers: P, metrics: Pick<ClusterMetrics, 'asked'>): P {
  return {
    ...peers,
    ask: async (node: string, question: PeerQuestion, options: AskOptions) => {
      const begun = performance.now()
      const ended = (outcome: QuestionOutcome): void => {
        const seconds = (performance.now() - begun) / 1000
        metrics.asked({ kind: question.kind, outcome, seconds })
      }
      try {
        const answer = await peers.ask(node, question, options)
        ended('answered')
        return answer
      } catch (error) {
        ended(options.signal.aborted ? 'left' : outcomeOf(error))
        throw error
      }
    },
  }
}

function outcomeOf(error: unknown): QuestionOutcome {
  const isRefusal = error instanceof AppError && error.code !== 'PEER_UNAVAILABLE'
  return isRefusal ? 'refused' : 'unavailable'
}
