import { createHash, randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { MiB } from '../../src/lib/units.ts'
import { type EmulatorProcess, startEmulator } from '../harness/emulator.ts'
import { postFiles } from '../harness/files.ts'
import { peakOf } from '../harness/peak.ts'
import { readBack } from '../harness/read-back.ts'
import { emulatorFigure, type Figure, figureOf } from '../harness/results.ts'
import { type Contestant, cpuPerMb, inRounds, speed } from '../harness/rounds.ts'
import { type Scope, withScope } from '../harness/scope.ts'
import { completedFile, type PostedFile, sendFile } from '../harness/web-client.ts'
import { startWorker, type WorkerProcess } from '../harness/worker.ts'

export const title = 'Files that go as volumes, through a spool of two and a half of them'

const VOLUMES_IN_SPOOL = 2.5
const COMPARED_MEGABYTES = 1000
const COMPARED_VOLUME_MEGABYTES = 128
const LARGE_MEGABYTES = 10 * 1024
const LARGE_VOLUME_MEGABYTES = 512
const BOT_MEGABYTES = 500

export async function run(scope: Scope): Promise<Figure[]> {
  // Files are one block of 5 MB again and again: a disk of ordinary size is enough.
  const emulator = await startEmulator(scope, { deduplicate: true })
  return [
    ...(await asVolumesAndAsOne(scope, emulator)),
    ...(await largeFile(emulator)),
    ...(await botAlone(scope, emulator)),
  ]
}

const spoolOf = (volumeMegabytes: number): Record<string, string> => ({
  VOLUME_BYTES: `${volumeMegabytes}MB`,
  SPOOL_MAX_BYTES: `${VOLUMES_IN_SPOOL * volumeMegabytes}MB`,
})

/** The same file through a small spool, and as one document through one that holds it. */
async function asVolumesAndAsOne(scope: Scope, emulator: EmulatorProcess): Promise<Figure[]> {
  const sending = async (env: Record<string, string>): Promise<Contestant> => {
    const worker = await startWorker(scope, emulator, { env })
    return { process: worker, run: () => send(worker, COMPARED_MEGABYTES) }
  }
  const contestants = new Map([
    ['worker', await sending(spoolOf(COMPARED_VOLUME_MEGABYTES))],
    ['one document', await sending({})],
  ])
  const runs = await inRounds(contestants, { rounds: scope.rounds, emulator })
  return [
    figureOf(
      {
        figure: '1000 MB, 4 chunks at once, until it is posted',
        unit: 'MB/s',
        goals: [{ atLeast: 0.95, times: 'one document' }],
      },
      runs,
      speed,
    ),
    figureOf({ figure: '1000 MB: CPU', unit: 'ms/MB' }, runs, cpuPerMb),
    emulatorFigure('1000 MB', runs),
  ]
}

async function send(worker: WorkerProcess, megabytes: number) {
  const block = randomBytes(5 * MiB)
  const file = await completedFile(
    worker,
    await sendFile(worker, { megabytes, block, parallel: 4 }),
  )
  return { ...file, bytes: megabytes * MiB, sha256: () => digestOf(block, megabytes) }
}

function digestOf(block: Uint8Array, megabytes: number): string {
  const hash = createHash('sha256')
  for (let left = megabytes * MiB; left > 0; left -= block.length) {
    hash.update(block.subarray(0, Math.min(left, block.length)))
  }
  return hash.digest('hex')
}

/** 10 GB in and out again: memory over idle, and the disk that the spool takes. */
async function largeFile(emulator: EmulatorProcess): Promise<Figure[]> {
  const { value } = await withScope(1, async (own) => {
    const env = spoolOf(LARGE_VOLUME_MEGABYTES)
    const worker = await startWorker(own, emulator, { env })
    // The library for MTProto, which is loaded at its first use, is not the file's.
    const [small = 0] = await postFiles(worker, [11 * MiB])
    await readBack(worker, small)
    await wait(3000)
    const idle = worker.usage().rss
    const memory = await peakOf(
      () => worker.usage().rss,
      async () => {
        const disk = await peakOf(
          () => bytesIn(join(worker.dataDir, 'spool')),
          () => send(worker, LARGE_MEGABYTES),
        )
        await expectFile(worker, disk.value, disk.value.sha256())
        return disk.peak
      },
    )
    return { memory: memory.peak - idle, disk: memory.value }
  })
  return [
    {
      figure: '10 GB in and out again: memory over idle',
      unit: 'MB',
      values: { worker: value.memory / MiB },
      goals: [{ atMost: 150 }],
    },
    {
      figure: '10 GB: the spool, at its fullest',
      unit: 'volumes',
      values: { worker: value.disk / MiB / LARGE_VOLUME_MEGABYTES },
      goals: [{ atMost: VOLUMES_IN_SPOOL }],
    },
  ]
}

/** 500 MB with nothing but a bot's token, beside what the Bot API does by itself. */
async function botAlone(scope: Scope, emulator: EmulatorProcess): Promise<Figure[]> {
  const worker = await startWorker(scope, emulator, { botAlone: true })
  const sent = await send(worker, BOT_MEGABYTES)
  await expectFile(worker, sent, sent.sha256())
  const bytes = BOT_MEGABYTES * MiB
  const reading = new Map<string, Contestant>([
    ['worker', { process: worker, run: async () => ({ bytes: await readFile(worker, sent) }) }],
    [
      'Bot API',
      { process: emulator, run: async () => ({ bytes: await readByApi(emulator, sent) }) },
    ],
  ])
  const reads = await inRounds(reading, { rounds: scope.rounds, emulator })
  const volumes = await volumesOf(emulator, sent)
  const sending = new Map<string, Contestant>([
    ['worker', { process: worker, run: () => send(worker, BOT_MEGABYTES) }],
    [
      'Bot API',
      {
        process: emulator,
        run: async () => ({ bytes: await sendByApi(emulator, volumes, bytes) }),
      },
    ],
  ])
  const sends = await inRounds(sending, { rounds: scope.rounds, emulator })
  return [
    figureOf(
      {
        figure: 'a bot alone, 500 MB out',
        unit: 'MB/s',
        goals: [{ atLeast: 0.8, times: 'Bot API' }],
      },
      reads,
      speed,
    ),
    figureOf({ figure: 'a bot alone, 500 MB in', unit: 'MB/s' }, sends, speed),
  ]
}

async function expectFile(worker: WorkerProcess, file: PostedFile, sha256: string): Promise<void> {
  const found = createHash('sha256')
  await readFile(worker, file, (bytes) => found.update(bytes))
  if (found.digest('hex') !== sha256) throw new Error('the file came back damaged')
}

function readFile(
  worker: WorkerProcess,
  { messageId, fileId }: PostedFile,
  onBytes: (bytes: Uint8Array) => void = () => {},
): Promise<number> {
  return readBack(worker, messageId, { fileId, onBytes })
}

/** One volume after the other, as a program does that joins them by itself. */
async function readByApi(emulator: EmulatorProcess, manifest: PostedFile): Promise<number> {
  let bytes = 0
  for (const { fileId } of await volumesOf(emulator, manifest)) {
    for await (const piece of await openByApi(emulator, fileId)) bytes += piece.length
  }
  return bytes
}

interface ListedVolume {
  fileId: string
  size: number
}

async function volumesOf(
  emulator: EmulatorProcess,
  { fileId }: PostedFile,
): Promise<ListedVolume[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of await openByApi(emulator, fileId)) pieces.push(piece)
  return (JSON.parse(Buffer.concat(pieces).toString()) as { volumes: ListedVolume[] }).volumes
}

async function openByApi({ botApi, account }: EmulatorProcess, fileId: string) {
  const asked = await fetch(`${botApi.root}/bot${account.botToken}/getFile?file_id=${fileId}`)
  const { result } = (await asked.json()) as { result: { file_path: string } }
  const answer = await fetch(`${botApi.root}/file/bot${account.botToken}/${result.file_path}`)
  if (!answer.ok || !answer.body) throw new Error(`the Bot API answers ${answer.status}`)
  return answer.body
}

/** As many documents of the same sizes, one after the other. */
async function sendByApi(
  { botApi, account }: EmulatorProcess,
  volumes: readonly ListedVolume[],
  bytes: number,
): Promise<number> {
  for (const { size } of volumes) {
    const form = new FormData()
    form.append('chat_id', account.channelId)
    form.append('document', new Blob([new Uint8Array(size)]), 'volume.bin')
    const url = `${botApi.root}/bot${account.botToken}/sendDocument`
    const answer = await fetch(url, { method: 'POST', body: form })
    if (!answer.ok) throw new Error(`the Bot API answers ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
  }
  return bytes
}

/** The sizes of all files in a folder and those inside; what goes meanwhile counts as nothing. */
async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
