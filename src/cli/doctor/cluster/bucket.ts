import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { ClusterConfig } from '../../../config/config.ts'
import { createObjectStore, type ObjectStore } from '../../../storage/object-spool/object-store.ts'
import { S3Refusal } from '../../../storage/object-spool/s3-answer.ts'
import type { DoctorContext, Finding } from '../check.ts'
import { reportSkew } from './skew.ts'

const CHECK = 'Bucket'
/** No upload has a name that begins like this, and the sweep leaves it alone. */
const PREFIX = 'doctor/'
const BYTES = 1024

/** Writes, lists, reads and deletes an object, and sees whether the store compares digests. */
export async function checkBucket(
  { report }: Pick<DoctorContext, 'report'>,
  { s3 }: ClusterConfig,
): Promise<void> {
  const store = createObjectStore({ ...s3, attempts: 1 })
  const key = `${PREFIX}${randomUUID()}`
  let step = 'looked at'
  try {
    await store.check()
    step = 'written to'
    const bytes = randomBytes(BYTES)
    await store.put(key, bodyOf(bytes))
    step = 'listed'
    const page = (await store.list({ prefix: key }).next()).value
    const listedAt = Date.now()
    if (page?.objects[0]?.size !== BYTES) throw new Error('the list has not what was just written')
    step = 'read'
    const read = await store.get(key, bytesOf)
    if (!read.equals(bytes)) throw new Error('it gives other bytes than were written')
    const refuses = await refusesDamage(store, key)
    step = 'deleted from'
    await store.remove([key])
    report({
      check: CHECK,
      verdict: 'ok',
      text: `${s3.bucket} can be written, listed, read, deleted from`,
    })
    if (!refuses) report(takesDamage)
    reportSkew(report, { of: "the object store's clock", aheadMs: page.at + 500 - listedAt })
  } catch (error) {
    report({ check: CHECK, verdict: 'failed', ...explain(error, `${s3.bucket} cannot be ${step}`) })
    // What this key may not delete stays, as small as it is.
    await store.remove([key]).catch(() => {})
  } finally {
    store.close()
  }
}

const takesDamage: Finding = {
  check: CHECK,
  verdict: 'note',
  text: 'takes bytes that are not those of their digest',
  advice: 'Damage on the way to it is noticed only when a chunk is read. Most stores compare them.',
}

function bodyOf(bytes: Buffer, digest = createHash('sha256').update(bytes).digest('hex')) {
  return {
    size: bytes.length,
    digest,
    read: async function* () {
      yield bytes
    },
  }
}

async function refusesDamage(store: ObjectStore, key: string): Promise<boolean> {
  const { digest } = bodyOf(randomBytes(BYTES))
  return store.put(key, bodyOf(randomBytes(BYTES), digest)).then(
    () => false,
    () => true,
  )
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** By the codes of S3 and of Node. */
const WHY: readonly [codes: RegExp, text: string, advice: string][] = [
  [/^NoSuchBucket$|^404/, 'there is no such bucket', 'Make it, or name another one.'],
  [
    /InvalidAccessKeyId|SignatureDoesNotMatch/,
    'the store does not take the keys',
    'Are CLUSTER_S3_ACCESS_KEY_ID and CLUSTER_S3_SECRET_ACCESS_KEY right, and the region?',
  ],
  [
    /AccessDenied|^403/,
    'the key may not do that',
    'It needs s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject in it.',
  ],
  [/^ECONNREFUSED$/, 'nothing listens there', 'Is CLUSTER_S3_ENDPOINT right, and does it run?'],
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'no host has that name', 'Is CLUSTER_S3_PATH_STYLE right?'],
  [
    /CERT|SELF_SIGNED|UNABLE_TO|SSL|EPROTO/,
    'TLS fails',
    'http:// or https://? NODE_EXTRA_CA_CERTS?',
  ],
  [/RequestTimeTooSkewed/, "its clock is not this machine's", 'Set both by NTP.'],
]

function explain(error: unknown, what: string): { text: string; advice?: string } {
  const cause = causeOf(error)
  const code =
    cause instanceof S3Refusal
      ? `${cause.status} ${cause.code}`
      : String(Reflect.get(Object(cause), 'code') ?? '')
  const found = WHY.find(([codes]) => codes.test(code) || codes.test(code.replace(/^\d+ /, '')))
  if (found) return { text: `${what}: ${found[1]} (${code})`, advice: found[2] }
  const message = cause instanceof Error ? cause.message : 'no reason is known'
  return { text: `${what}: ${code || message}` }
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? causeOf(error.cause) : error
}
