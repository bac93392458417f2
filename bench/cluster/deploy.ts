import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { chunkForm, newUploadId } from '../../test/helpers/callers/client.ts'
import { postFiles } from '../harness/files.ts'
import type { Figure } from '../harness/results.ts'
import { addUsers, withNodes } from './nodes.ts'

const NODES = 3
const UPLOADERS = 4
const READERS = 2
const POLLERS = 2

interface Answers {
  good: number
  /** 503 with Retry-After. */
  later: number
  /** Anything else, and what. */
  bad: Map<string, number>
}

/** One node after another is told to end and started again, while clients go on through HAProxy. */
export async function measureDeploy(): Promise<Figure[]> {
  const answers = await withNodes({ nodes: NODES }, async (cluster) => {
    const seen: Answers = { good: 0, later: 0, bad: new Map() }
    const users = await addUsers(cluster, UPLOADERS)
    const [first] = users
    const token = first?.token ?? ''
    const [messageId = 0] = await postFiles({ url: cluster.url, token }, [20 * MiB])
    let isOver = false
    const loop = async (ask: () => Promise<void>): Promise<void> => {
      while (!isOver) await ask()
    }
    const chunk = randomBytes(2 * MiB)
    const clients = [
      ...users.map((user) => loop(() => uploadOne(cluster.url, user.token, { chunk, seen }))),
      ...Array.from({ length: READERS }, () =>
        loop(async () => {
          const from = Math.floor(Math.random() * 19) * MiB
          const range = `bytes=${from}-${from + MiB - 1}`
          const path = `/download?messageId=${messageId}&token=${token}`
          await count(seen, 'download', fetch(`${cluster.url}${path}`, { headers: { range } }))
        }),
      ),
      ...Array.from({ length: POLLERS }, () =>
        loop(async () => {
          const headers = { authorization: `Bearer ${token}` }
          await count(seen, 'jobs', fetch(`${cluster.url}/jobs`, { headers }))
          await wait(50)
        }),
      ),
    ]
    for (const node of cluster.nodes) {
      await wait(2_000)
      await node.restart()
      await cluster.waitUntilReady()
    }
    await wait(2_000)
    isOver = true
    await Promise.all(clients)
    return seen
  })
  const bad = [...answers.bad.values()].reduce((sum, times) => sum + times, 0)
  const all = answers.good + answers.later + bad
  process.stderr.write(
    `  deploy: ${all} answers, ${answers.later} later, ${inWords(answers.bad)}\n`,
  )
  return [
    { figure: 'rolling deploy: answers', unit: '', values: { worker: all } },
    {
      figure: 'rolling deploy: 503 with Retry-After',
      unit: '%',
      values: { worker: (100 * answers.later) / all },
      goals: [{ atMost: 0.1 }],
    },
    {
      figure: 'rolling deploy: other failures',
      unit: '',
      values: { worker: bad },
      goals: [{ atMost: 0 }],
    },
  ]
}

async function uploadOne(
  url: string,
  token: string,
  { chunk, seen }: { chunk: Buffer; seen: Answers },
): Promise<void> {
  const uploadId = newUploadId()
  const [totalChunks, fileName, fileSize] = [6, 'deploy.bin', chunk.length * 6]
  for (let chunkIndex = 0; chunkIndex < totalChunks; ) {
    const fields = { uploadId, chunkIndex, totalChunks, fileName, fileSize, authToken: token }
    const body = chunkForm({ ...fields, chunk })
    const isGood = await count(
      seen,
      'chunk',
      fetch(`${url}/upload-chunk`, { method: 'POST', body }),
    )
    if (isGood) chunkIndex++
    else await wait(200)
  }
  for (;;) {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ uploadId }),
    }
    if (await count(seen, 'complete', fetch(`${url}/complete-upload`, init))) return
    await wait(200)
  }
}

async function count(seen: Answers, what: string, asking: Promise<Response>): Promise<boolean> {
  const failed = (why: string): false => {
    const key = `${what}: ${why}`
    seen.bad.set(key, (seen.bad.get(key) ?? 0) + 1)
    return false
  }
  try {
    const response = await asking
    await response.arrayBuffer()
    if (response.ok) {
      seen.good++
      return true
    }
    if (response.status === 503 && response.headers.has('retry-after')) {
      seen.later++
      return false
    }
    return failed(`${response.status}`)
  } catch (error) {
    return failed(error instanceof Error ? String(error.cause ?? error.message) : String(error))
  }
}

function inWords(bad: ReadonlyMap<string, number>): string {
  return [...bad].map(([what, times]) => `${times} x ${what}`).join(', ')
}
