import { readBounded } from '../../lib/read-bounded.ts'
import { MiB } from '../../lib/units.ts'
import type { S3Answer } from './s3-request.ts'

/** What the store says of one object. */
export interface StoredObject {
  readonly key: string
  readonly size: number
  /** Epoch milliseconds, by the store's clock. */
  readonly storedAt: number
}

/** One page of a list. */
export interface ObjectList {
  readonly objects: readonly StoredObject[]
  /** What several objects begin with, up to a slash; where it was asked for. */
  readonly folders: readonly string[]
  /** Where the next page begins; null: this is the last one. */
  readonly next: string | null
  /** Epoch milliseconds, by the store's clock. */
  readonly at: number
}

/** The store has refused, in words of its own; `code` is S3's. */
export class S3Refusal extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string) {
    super(`the store answered ${status} ${code}`)
    this.status = status
    this.code = code
  }
}

const MAX_XML_BYTES = 8 * MiB

/** The body of an answer that is XML. Rejects with S3Refusal where it, or the status, is an error. */
export async function readXml(answer: S3Answer): Promise<string> {
  const bytes = await readBounded(answer, MAX_XML_BYTES)
  const xml = bytes?.toString('utf8') ?? ''
  // Some calls begin their answer with 200 before they know how they end.
  const isError = answer.statusCode >= 300 || /^(?:<\?xml[^>]*>)?\s*<Error>/.test(xml)
  if (isError) throw new S3Refusal(answer.statusCode, textOf(xml, 'Code') ?? 'without a code')
  return xml
}

/** Rejects with S3Refusal unless the call has succeeded; the body is left to the caller then. */
export async function assertSuccess(answer: S3Answer): Promise<void> {
  if (answer.statusCode >= 300) await readXml(answer)
}

export async function readList(answer: S3Answer): Promise<ObjectList> {
  const xml = await readXml(answer)
  const prefixes = [...xml.matchAll(/<CommonPrefixes>(.*?)<\/CommonPrefixes>/gs)]
  const isTruncated = textOf(xml, 'IsTruncated') === 'true'
  return {
    objects: [...xml.matchAll(/<Contents>(.*?)<\/Contents>/gs)].map(([, part = '']) => ({
      key: textOf(part, 'Key') ?? '',
      size: Number(textOf(part, 'Size')),
      storedAt: Date.parse(textOf(part, 'LastModified') ?? ''),
    })),
    folders: prefixes.map(([, part = '']) => textOf(part, 'Prefix') ?? ''),
    next: isTruncated ? textOf(xml, 'NextContinuationToken') : null,
    at: Date.parse(answer.headers.date ?? ''),
  }
}

/** Codes of the objects that a call for many could not delete. */
export async function readDeleteErrors(answer: S3Answer): Promise<string[]> {
  const xml = await readXml(answer)
  return [...xml.matchAll(/<Error>(.*?)<\/Error>/gs)].map(([, part = '']) => {
    return textOf(part, 'Code') ?? 'without a code'
  })
}

/** The text of the first element of this name. */
function textOf(xml: string, name: string): string | null {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? []
  return text === undefined ? null : unescapeXml(text)
}

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex, decimal, name) => {
    if (hex) return String.fromCodePoint(Number.parseInt(hex, 16))
    if (decimal) return String.fromCodePoint(Number(decimal))
    return ENTITIES[name] ?? whole
  })
}

export function escapeXml(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.codePointAt(0)};`)
}
