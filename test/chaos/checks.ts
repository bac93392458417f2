import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { downloadUrl, sha256 } from '../helpers/callers/client.ts'
import type { AccountKind } from '../helpers/peers/peer-processes.ts'
import type { UploadOutcome } from './uploader.ts'
import { Violation, type World } from './world.ts'

const SETTLE_MS = 40_000

export interface Settled {
  token: string
  channelId: string
  accountKind: AccountKind
  kills: number
}

/** Waits until nothing goes on any more: every job that was sealed has ended, every webhook is out. */
export async function settle(world: World): Promise<void> {
  const left = (): number =>
    world.ledger((database) =>
      Number(
        database
          .prepare(
            `SELECT (SELECT count(*) FROM uploads WHERE state = 'sealed') +
                    (SELECT count(*) FROM outbox) AS n`,
          )
          .get()?.n,
      ),
    )
  for (const deadline = Date.now() + SETTLE_MS; left() > 0; await sleep(30)) {
    if (Date.now() > deadline) throw new Violation('a job or a webhook does not go on by itself')
  }
}

/** What holds of one upload once all is over. */
export async function checkUpload(
  world: World,
  outcome: UploadOutcome,
  settled: Settled,
): Promise<void> {
  const { plan, bytes, messageId, cancelled } = outcome
  const digest = sha256(bytes)
  const all = await world.messages(settled.channelId)
  const messages = all.filter(({ fileName }) => fileName === plan.name)
  const wrong = messages.filter((message) => message.sha256 !== digest)
  if (wrong.length > 0) throw new Violation(`${plan.name}: the message has other bytes`)
  if (cancelled) {
    if (messages.length > 0)
      throw new Violation(`${plan.name}: cancelled before complete, yet posted`)
    return
  }
  if (!messages.some(({ id }) => id === messageId)) {
    throw new Violation(
      `${plan.name}: no message ${messageId} among ${messages.map(({ id }) => id)}`,
    )
  }
  // A bot alone cannot look whether a lost answer meant a message: README, "Limits".
  const doubtful = settled.accountKind === 'bot' ? Math.min(1, settled.kills) : 0
  const most = Math.max(1, outcome.sends) * (1 + doubtful)
  if (messages.length > most) throw new Violation(`${plan.name}: posted ${messages.length} times`)
  await checkDownload(world, outcome, settled, digest)
  await checkWebhooks(world, outcome)
}

async function checkDownload(
  world: World,
  { plan, messageId, fileId }: UploadOutcome,
  { token }: Settled,
  digest: string,
): Promise<void> {
  const address = `${downloadUrl(world.url, messageId, token)}&fileId=${fileId}`
  let response = await fetch(address)
  while (response.status === 503) {
    // A machine under load refuses for a moment.
    await sleep(200)
    response = await fetch(address)
  }
  const bytes = Buffer.from(await response.arrayBuffer())
  if (!response.ok) throw new Violation(`${plan.name}: download ${response.status} ${bytes}`)
  if (sha256(bytes) !== digest) throw new Violation(`${plan.name}: downloaded other bytes`)
}

async function checkWebhooks(
  world: World,
  { plan, messageId, sends }: UploadOutcome,
): Promise<void> {
  const hooks = (await world.webhooks()).filter(({ payload }) => payload.fileName === plan.name)
  if (!hooks.some(({ payload }) => payload.messageId === messageId && payload.size === plan.size)) {
    throw new Violation(`${plan.name}: the backend never heard of message ${messageId}`)
  }
  const keys = new Set(hooks.map(({ key }) => key))
  if (keys.size > Math.max(1, sends))
    throw new Violation(`${plan.name}: one webhook, ${keys.size} keys`)
}

/** Nothing is left on disk, and nothing in the ledger but results. */
export async function checkNothingLeft(world: World): Promise<void> {
  const receiving = world.ledger((database) =>
    database.prepare(`SELECT id FROM uploads WHERE state = 'receiving'`).all(),
  )
  if (receiving.length > 0) throw new Violation(`uploads without an owner: ${receiving.length}`)
  for (const folder of ['uploads', 'tmp']) {
    const names = await readdir(join(world.dataDir, 'spool', folder))
    if (names.length > 0) throw new Violation(`left in ${folder}: ${names.join(', ')}`)
  }
  const left = world.ledger((database) =>
    database
      .prepare(
        `SELECT (SELECT count(*) FROM transfers) AS transfers,
                (SELECT count(*) FROM acknowledged_parts) AS parts,
                (SELECT count(*) FROM outbox) AS webhooks,
                (SELECT count(*) FROM uploads WHERE token IS NOT NULL) AS tokens`,
      )
      .get(),
  )
  if (Object.values(left ?? {}).some((count) => count !== 0)) {
    throw new Violation(`left in the ledger: ${JSON.stringify(left)}`)
  }
}

/** As if hours had passed since all of it ended: the sweep at start-up leaves no row. */
export async function checkForgotten(world: World): Promise<void> {
  await world.kill()
  const ended = world.ledger((database) => {
    database.exec('UPDATE uploads SET finished_at = finished_at - 7200000')
    return rowsIn(database)
  })
  world.start()
  await world.ready()
  for (const deadline = Date.now() + SETTLE_MS; world.ledger(rowsIn) > 0; await sleep(30)) {
    if (Date.now() > deadline)
      throw new Violation(`${ended} ended uploads, and the sweep left some`)
  }
}

function rowsIn(database: DatabaseSync): number {
  return Number(database.prepare('SELECT count(*) AS n FROM uploads').get()?.n)
}
