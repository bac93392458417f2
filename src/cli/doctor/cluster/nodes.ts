import { createPeers, peerSecret } from '../../../cluster/peers/peers.ts'
import { createLedgerCipher } from '../../../storage/ledger/secrets/cipher.ts'
import { ask } from '../ask.ts'
import type { DoctorContext } from '../check.ts'
import { reportSkew } from './skew.ts'

const CHECK = 'Nodes'
const TIMEOUT_MS = 5_000
const quiet = (): void => {}
const SILENT = { debug: quiet, info: quiet, warn: quiet, error: quiet }

/** Asks each node that the database has heard of, as nodes ask each other. */
export async function checkNodes(
  context: Pick<DoctorContext, 'report' | 'signal'>,
  { self, nodes, key }: { self: string; nodes: readonly string[]; key: Buffer },
): Promise<void> {
  const { report, signal } = context
  const secret = peerSecret(createLedgerCipher(key))
  const peers = createPeers({ secret, self: 'http://doctor', log: SILENT })
  try {
    for (const node of nodes) {
      const timeout = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
      const answers = await peers
        .ask(node, { kind: 'ping', body: {} }, { signal: timeout, silenceMs: TIMEOUT_MS })
        .then(
          () => true,
          () => false,
        )
      signal.throwIfAborted()
      await tell(node, answers)
    }
  } finally {
    peers.close()
  }
  if (nodes.includes(self)) return
  report({
    check: CHECK,
    verdict: 'note',
    text: `this node would be asked at ${self}, and is not there yet`,
    advice: 'Can the other nodes reach that address? If not, set CLUSTER_NODE_URL.',
  })

  async function tell(node: string, answers: boolean): Promise<void> {
    const health = await ask(`${node}/health`, signal, { timeoutMs: TIMEOUT_MS })
    if (answers) {
      report({ check: CHECK, verdict: 'ok', text: `${node} answers, and has the same LEDGER_KEY` })
      if (health?.date) {
        // The header is cut to whole seconds.
        reportSkew(report, {
          of: `the clock of ${node}`,
          aheadMs: health.date.getTime() + 500 - Date.now(),
        })
      }
      return
    }
    report({
      check: CHECK,
      verdict: 'failed',
      ...(health
        ? {
            text: `${node} answers, but takes no question from here`,
            advice:
              'Does it have the same LEDGER_KEY, and does nothing stand between that drops /cluster/?',
          }
        : {
            text: `${node} runs, and cannot be reached from here`,
            advice:
              'Nodes ask each other: open its port to the other nodes, or set its CLUSTER_NODE_URL.',
          }),
    })
  }
}
