import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { sha256 } from '../../helpers/callers/client.ts'
import type { Cluster } from '../../helpers/cluster/nodes.ts'
import type { Message } from '../../helpers/peers/peer-processes.ts'
import { bytesOf, createRandom } from '../random.ts'
import { findBroken } from './checker.ts'
import { playFault } from './faults.ts'
import { createHistory, type History } from './history.ts'
import type { FilePlan, RoundPlan, UserPlan } from './plan.ts'
import { digestOfSpan, type UploadContext, upload } from './uploaders.ts'
import { type PostedFile, readRanges, watchEvents } from './viewers.ts'

/** After the last fault, for all uploads to end: leases end in 20 s, and the largest file takes as long. */
const SETTLE_MS = 120_000

export interface Outcome {
  history: History
  /** What was not kept. */
  broken: string[]
}

interface Play {
  cluster: Cluster
  history: History
  signal: AbortSignal
  isOver: () => boolean
  plans: Map<string, FilePlan>
}

/** Uploads, readers and viewers of some users, and faults meanwhile; then all that the cluster owes. */
export async function runRound(cluster: Cluster, plan: RoundPlan): Promise<Outcome> {
  await cluster.telegram.control('/settings', plan.settings)
  const faults = async (history: History, isOver: () => boolean): Promise<void> => {
    const playing = plan.faults.map((fault) => playFault(cluster, fault, { history, isOver }))
    await Promise.all(playing)
  }
  const name = `${process.pid}-${plan.seed}`
  return play(cluster, name, {
    faults,
    users: plan.users.map((user) => ({ ...user, next: createQueue(user) })),
  })
}

/** A user of a round: which files one after another, several at once. */
export interface Uploading {
  accountKind: UserPlan['accountKind']
  /** The next file of a lane; null: there is none. */
  next: () => FilePlan | null
  files: readonly unknown[]
}

function createQueue({ files }: UserPlan): () => FilePlan | null {
  const queue = [...files]
  return () => queue.shift() ?? null
}

export async function play(
  cluster: Cluster,
  name: string,
  {
    users,
    faults,
  }: {
    users: readonly Uploading[]
    faults: (history: History, isOver: () => boolean) => Promise<void>
  },
): Promise<Outcome> {
  const history = createHistory()
  const stuck = new AbortController()
  let isOver = false
  const context: Play = {
    cluster,
    history,
    signal: stuck.signal,
    isOver: () => isOver,
    plans: new Map(),
  }
  const channels: string[] = []
  const uploading = Promise.all(
    users.map(async (user, index) => {
      const { token, channelId } = await cluster.addUser(`${name}-${index}`, user.accountKind)
      channels.push(channelId)
      return serveUser(context, user, { token, channelId, index })
    }),
  ).finally(() => {
    isOver = true
  })
  uploading.catch(() => {})
  await faults(history, () => isOver)
  const late = sleep(SETTLE_MS, stuck.signal).then(() => stuck.abort(new Error('too late')))
  late.catch(() => {})
  try {
    // One that has ended by itself is started again, as a supervisor would.
    for (const node of cluster.nodes) node.start()
    await cluster.waitUntilReady()
    await uploading
  } catch (error) {
    // The checker names the files that have not ended.
    if (!stuck.signal.aborted) throw error
  } finally {
    stuck.abort(new Error('over'))
  }
  return { history, broken: await check(context, channels) }
}

async function serveUser(
  play: Play,
  user: Uploading,
  { token, channelId, index }: { token: string; channelId: string; index: number },
): Promise<void> {
  const { cluster, history, signal } = play
  const posted: PostedFile[] = []
  const watching: Promise<void>[] = []
  const watched = new Set<string>()
  const caller = { url: cluster.url, token, history, signal }
  const context: UploadContext = {
    ...caller,
    isPosted: async (file) =>
      (await cluster.telegram.messages(channelId)).some(({ fileName }) => fileName === file),
    onOpened: (file, uploadId) => {
      if (watched.has(uploadId)) return
      watched.add(uploadId)
      const watch = watchEvents(caller, file, uploadId)
      watch.catch(() => {})
      watching.push(watch)
    },
    onCompleted: (file, messageId, fileId) => {
      const size = play.plans.get(file)?.size ?? 0
      posted.push({ file, size, messageId, fileId })
    },
  }
  let hasAll = false
  async function sendNext(): Promise<void> {
    for (let plan = user.next(); plan !== null; plan = user.next()) {
      play.plans.set(plan.file, plan)
      const { file, size, way } = plan
      const digest = sha256(bytesOf(file, size))
      const { accountKind } = user
      history.add({ kind: 'file', file, size, sha256: digest, way, channelId, accountKind })
      await upload(context, plan)
    }
  }
  const reading = readRanges(caller, posted, {
    random: createRandom(index),
    isOver: () => hasAll,
  })
  reading.catch(() => {})
  try {
    await Promise.all(user.files.map(sendNext))
  } finally {
    hasAll = true
  }
  if (posted.length > 0) await reading
  await Promise.all(watching)
}

async function check({ cluster, history, plans }: Play, channels: string[]): Promise<string[]> {
  const messages = new Map<string, Message[]>()
  for (const channelId of channels)
    messages.set(channelId, await cluster.telegram.messages(channelId))
  const remains = {
    messages,
    webhooks: await settledWebhooks(cluster, history),
    keysKilled: (await cluster.telegram.counters()).keysKilled,
    digestOf: (file: string, span: readonly [number, number]) =>
      digestOfSpan(file, plans.get(file)?.size ?? 0, span),
  }
  return findBroken(history.entries, remains)
}

/** A webhook may come a moment after the upload's end. */
async function settledWebhooks(cluster: Cluster, history: History) {
  const ids = history.entries.flatMap((entry) => (entry.kind === 'completed' ? [entry] : []))
  for (const deadline = performance.now() + 30_000; ; await sleep(100)) {
    const webhooks = await cluster.backend.webhooks()
    const isHeard = ids.every(({ file, messageId }) =>
      webhooks.some(({ payload }) => payload.fileName === file && payload.messageId === messageId),
    )
    if (isHeard || performance.now() > deadline) return webhooks
  }
}
