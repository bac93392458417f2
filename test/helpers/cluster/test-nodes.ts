import { onTestFinished } from 'vitest'
import { registerAnswer, registerEnvironment } from '../../secrets/register.ts'
import { registerSecret, trace, traceTest } from '../../secrets/trace.ts'
import { traceAnswersFrom } from '../../secrets/wire.ts'
import { type Cluster, type ClusterOptions, startCluster } from './nodes.ts'

/** A cluster for as long as the test runs; what its nodes write is searched for secrets. */
export async function startTestCluster(options: ClusterOptions = {}): Promise<Cluster> {
  traceTest()
  const traced: (() => void)[] = []
  const cluster = await startCluster({
    ...options,
    witness: {
      environment: registerEnvironment,
      output: trace,
      login: (token, answer) => {
        registerSecret('login token', token)
        registerAnswer(answer)
      },
      address: (url) => traced.push(traceAnswersFrom(url)),
    },
  })
  onTestFinished(async () => {
    await cluster.close()
    for (const stop of traced) stop()
  })
  return cluster
}
