import { parseFileId, toFileId, toUniqueFileId } from '@mtcute/file-id'
import type { Telegram } from '../context.ts'
import type { Account } from '../store/accounts.ts'
import type { Document } from '../store/documents.ts'

type Location = Parameters<typeof toFileId>[0]
type CommonLocation = Extract<Location['location'], { _: 'common' }>
type Long = CommonLocation['id']

/** Documents are file type 5 in Bot API file ids. */
const DOCUMENT_TYPE: Location['type'] = 5

export interface BotFileIds {
  fileId: string
  fileUniqueId: string
}

/** The ids by which this bot, and over MTProto the same account, can name the document. */
export function toBotFileIds(telegram: Telegram, bot: Account, document: Document): BotFileIds {
  const { hashes } = telegram.store
  const id = toLong(BigInt(document.id))
  const accessHash = toLong(hashes.access('document', bot.id, document.id))
  const location: Location = {
    dcId: document.dcId,
    type: DOCUMENT_TYPE,
    fileReference: hashes.reference(bot.id, document.id),
    location: { _: 'common', id, accessHash },
  }
  return { fileId: toFileId(location), fileUniqueId: toUniqueFileId(location) }
}

/**
 * The document of a file_id, if this bot was given it.
 *
 * Its file reference may have expired: the Bot API renews those by itself, and promises no end
 * to a file_id.
 */
export function fromBotFileId(telegram: Telegram, bot: Account, fileId: string): Document | null {
  const location = parse(fileId)
  if (location?._ !== 'common') return null
  const id = fromLong(location.id).toString()
  const hash = telegram.store.hashes.access('document', bot.id, id)
  return fromLong(location.accessHash) === hash ? telegram.store.documents.find(id) : null
}

function parse(fileId: string): Location['location'] | null {
  try {
    return parseFileId(fileId).location
  } catch {
    return null
  }
}

// The edge: the library wants objects of the package `long`, and reads two fields of them.
function toLong(value: bigint): Long {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return { low, high, unsigned: false } as Long
}

const fromLong = ({ low, high }: Long): bigint =>
  BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low)))
