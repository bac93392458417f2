import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { downloadUrl } from '../helpers/callers/client.ts'
import type { Message } from '../helpers/peers/peer-processes.ts'
import type { UploadOutcome } from './uploader.ts'
import { Violation, type World } from './world.ts'

const SETTLE_MS = 40_000

/** By docs/format.md: this reads a channel as another program would, by nothing of the worker's. */
const Manifest = z.object({
  telestore: z.literal('manifest'),
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  size: z.int(),
  sha256: z.string(),
  crc32: z.string(),
  volumes: z.array(
    z.object({
      messageId: z.int(),
      documentId: z.string().nullable(),
      size: z.int(),
      crc32: z.string(),
    }),
  ),
})

export interface Checked {
  token: string
  channelId: string
  outcome: UploadOutcome
}

/** A post of this file, by its line. */
interface Post {
  message: Message
  kind: string
  id: string
}

/**
 * The channel alone holds the file: its manifest names volumes that are the file. By MTProto each of
 * them was posted once; `doubtful`: how many posts may be there that nothing names.
 */
export async function checkChannel(
  world: World,
  given: Checked & { volumeBytes: number; doubtful: number },
): Promise<void> {
  const { outcome, volumeBytes, doubtful, channelId } = given
  const { bytes, messageId } = outcome
  const posts = await postsOf(world, channelId)
  const manifestPost = posts.find(({ message }) => message.id === messageId)
  if (manifestPost?.kind !== 'manifest') {
    throw new Violation(`message ${messageId} is no manifest among ${inWords(posts)}`)
  }
  const manifest = await readManifest(world, manifestPost)
  const count = manifest.volumes.length
  const pieces: Buffer[] = []
  for (const [index, volume] of manifest.volumes.entries()) {
    const post = posts.find(({ message }) => message.id === volume.messageId)
    if (post === undefined || post.id !== manifest.id)
      throw new Violation(`volume ${index + 1} is not in ${inWords(posts)}`)
    if (post.kind !== `volume-${index + 1}-of-${count}`)
      throw new Violation(`volume ${index + 1} of ${count} is ${post.kind}`)
    const piece = await world.documentBytes(post.message.documentId)
    const sum = crc32(piece).toString(16).padStart(8, '0')
    if (piece.length > volumeBytes) throw new Violation(`volume ${index + 1} is too large`)
    if (piece.length !== volume.size || sum !== volume.crc32)
      throw new Violation(`the manifest tells other bytes of volume ${index + 1}`)
    if (volume.documentId !== null && volume.documentId !== post.message.documentId)
      throw new Violation(`the manifest tells another document of volume ${index + 1}`)
    pieces.push(piece)
  }
  const whole = Buffer.concat(pieces)
  const digest = createHash('sha256').update(whole).digest('hex')
  const sum = crc32(whole).toString(16).padStart(8, '0')
  if (!whole.equals(bytes)) throw new Violation('the volumes together are another file')
  if (manifest.sha256 !== digest) throw new Violation('the manifest has a wrong SHA-256')
  if (manifest.crc32 !== sum) throw new Violation('the manifest has a wrong CRC-32')
  if (posts.length > count + 1 + doubtful)
    throw new Violation(`posted more than once: ${inWords(posts)}`)
}

/** Nothing of a cancelled file is left in its channel. */
export async function checkCancelled(
  world: World,
  { channelId, doubtful }: Checked & { doubtful: number },
): Promise<void> {
  const pending = (): number =>
    world.ledger((database) =>
      Number(database.prepare('SELECT count(*) AS n FROM volume_cleanups').get()?.n),
    )
  for (const deadline = Date.now() + SETTLE_MS; pending() > 0; await sleep(30)) {
    if (Date.now() > deadline) throw new Violation('what is left in the channel is not deleted')
  }
  const posts = await postsOf(world, channelId)
  if (posts.length > doubtful) throw new Violation(`left after a cancel: ${inWords(posts)}`)
}

export async function checkDownload(
  world: World,
  { token, outcome: { bytes, messageId, fileId } }: Checked,
): Promise<void> {
  const address = `${downloadUrl(world.url, messageId, token)}&fileId=${fileId}`
  let response = await fetch(address)
  while (response.status === 503) {
    // A machine under load refuses for a moment.
    await sleep(200)
    response = await fetch(address)
  }
  const found = Buffer.from(await response.arrayBuffer())
  if (!response.ok) throw new Violation(`download: ${response.status} ${found}`)
  if (!found.equals(bytes)) throw new Violation('other bytes were downloaded')
}

/** Nothing of a file's volumes is left in the ledger. */
export async function checkLedger(world: World): Promise<void> {
  const left = world.ledger((database) =>
    database
      .prepare(
        `SELECT (SELECT count(*) FROM volumes) AS volumes,
                (SELECT count(*) FROM volume_cleanups) AS cleanups`,
      )
      .get(),
  )
  if (Object.values(left ?? {}).some((count) => count !== 0))
    throw new Violation(`left in the ledger: ${JSON.stringify(left)}`)
}

async function postsOf(world: World, channelId: string): Promise<Post[]> {
  const messages = await world.messages(channelId)
  return messages.map((message) => {
    const line = /^.*#telestore .*$/m.exec(message.caption)?.[0] ?? ''
    const fieldOf = (key: string): string => new RegExp(` ${key}=(\\S+)`).exec(line)?.[1] ?? 'none'
    return { message, kind: fieldOf('kind'), id: fieldOf('id') }
  })
}

async function readManifest(world: World, { message, id }: Post) {
  const text = (await world.documentBytes(message.documentId)).toString()
  const parsed = Manifest.safeParse(JSON.parse(text))
  if (!parsed.success) throw new Violation(`no manifest: ${text.slice(0, 300)}`)
  if (parsed.data.id !== id) throw new Violation('the manifest has another id than its line')
  return parsed.data
}

function inWords(posts: readonly Post[]): string {
  return posts.map(({ message, kind }) => `${message.id} ${kind}`).join(', ')
}
