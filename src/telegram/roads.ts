import type { Credentials } from '../core/ports/credentials.ts'
import type { Road } from '../core/ports/records.ts'
import type { DocumentLimits, PostRule } from '../core/ports/telegram.ts'
import { AppError } from '../errors.ts'
import {
  BOT_API_FILE_BYTES,
  BOT_API_READABLE_BYTES,
  DEFAULT_MAX_PARTS,
  LOCAL_BOT_API_FILE_BYTES,
  PART_BYTES,
  SMALL_FILE_BYTES,
} from './limits.ts'

export interface RoadRules {
  /** The Bot API server runs with `--local`. */
  botApiLocal: boolean
  /** What MTProto takes from this account, if known. */
  maxMtprotoBytes: number | null
}

/** The MTProto road these credentials open, or null. The user goes before the bot. */
export function mtprotoRoad(credentials: Credentials): 'mtproto-user' | 'mtproto-bot' | null {
  const { session, apiId, apiHash, botToken } = credentials
  if (session !== null && apiId !== null) return 'mtproto-user'
  return botToken !== null && apiId !== null && apiHash !== null ? 'mtproto-bot' : null
}

const MTPROTO_FILE_BYTES = DEFAULT_MAX_PARTS * PART_BYTES

/**
 * Which road a document takes. The Bot API cannot promise to post it once, so it takes one that must
 * be only where there is no other. Throws FILE_TOO_LARGE when the road's limit is below its size, and
 * TELEGRAM_NOT_CONNECTED when there is no road.
 */
export function chooseRoad(
  credentials: Credentials,
  size: number,
  { botApiLocal, maxMtprotoBytes, exactlyOnce = false }: RoadRules & Partial<PostRule>,
): Road {
  const botApiBytes = botApiLocal ? LOCAL_BOT_API_FILE_BYTES : BOT_API_FILE_BYTES
  const road = mtprotoRoad(credentials)
  const takesBotApi = credentials.botToken !== null && size <= botApiBytes
  if (takesBotApi && !(exactlyOnce && road !== null)) return 'bot-api'
  const mtprotoBytes = maxMtprotoBytes ?? MTPROTO_FILE_BYTES
  if (size > Math.max(mtprotoBytes, road === null ? botApiBytes : 0)) {
    throw new AppError('FILE_TOO_LARGE', 'Telegram does not take files of this size', {
      details: { maxFileSize: mtprotoBytes },
    })
  }
  if (road !== null) return road
  throw new AppError('TELEGRAM_NOT_CONNECTED', 'Connect Telegram in settings')
}

/** What these credentials take; of those that open no road, what an account takes for whom nothing is known. */
export function documentLimits(credentials: Credentials, rules: RoadRules): DocumentLimits {
  const isBotAlone = credentials.botToken !== null && mtprotoRoad(credentials) === null
  if (isBotAlone) {
    const bytes = rules.botApiLocal ? LOCAL_BOT_API_FILE_BYTES : BOT_API_READABLE_BYTES
    return { documentBytes: bytes, volumeBytes: bytes }
  }
  const documentBytes = rules.maxMtprotoBytes ?? MTPROTO_FILE_BYTES
  // An account may lose what it has paid for while its volumes are on their way.
  return { documentBytes, volumeBytes: Math.min(documentBytes, MTPROTO_FILE_BYTES) }
}

/** Only large files on an MTProto road are sent before they are whole. */
export function sendsEarly(road: Road, size: number): boolean {
  return road !== 'bot-api' && size > SMALL_FILE_BYTES
}

export function actorFor(road: Road): 'user' | 'bot' {
  return road === 'mtproto-user' ? 'user' : 'bot'
}
