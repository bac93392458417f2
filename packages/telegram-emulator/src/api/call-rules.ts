import { CDN_DC, type Telegram } from '../context.ts'
import { badRequest, RpcError } from '../rpc-error.ts'
import { int, text } from '../tl-fields.ts'
import type { RpcCall, TlObject } from '../types.ts'
import { sessionOf } from './method.ts'

/** Rules that hold for calls of every method. */
export interface CallRules {
  /** Throws Telegram's refusal. */
  check: (call: RpcCall) => void
  keyBound: (temporaryKeyId: string) => void
}

/**
 * The methods of a media-only address: "this DC should only be used to download or upload files"
 * (https://core.telegram.org/constructor/dcOption), and those by which a client enters it.
 */
const MEDIA_METHODS =
  /^(upload\..*|help\.get(Config|NearestDc|AppConfig|CdnConfig)|auth\.(importAuthorization|bindTempAuthKey))$/

/** The methods of a CDN (https://core.telegram.org/cdn#schema). */
const CDN_METHODS = /^(upload\.getCdnFile|help\.getConfig)$/

/** Wrappers that are refused: no takeout session runs, and no business account is connected. */
const REFUSED_WRAPPERS: Record<string, () => RpcError> = {
  // https://core.telegram.org/api/takeout
  invokeWithTakeout: () => badRequest('TAKEOUT_INVALID'),
  invokeWithMessagesRange: () => new RpcError(403, 'TAKEOUT_REQUIRED'),
  // https://core.telegram.org/api/bots/connected-business-bots
  invokeWithBusinessConnection: () => badRequest('BUSINESS_CONNECTION_INVALID'),
}

/** The language packs that Telegram's own applications name; others leave it empty. */
const LANGUAGE_PACKS = new Set(['', 'android', 'android_x', 'ios', 'macos', 'tdesktop', 'webk'])

/** Fields of initConnection that must not be empty, and the error for each. */
const NEEDED_FIELDS = [
  ['device_model', 'CONNECTION_DEVICE_MODEL_EMPTY'],
  ['system_version', 'CONNECTION_SYSTEM_EMPTY'],
  ['app_version', 'CONNECTION_APP_VERSION_EMPTY'],
  ['system_lang_code', 'CONNECTION_SYSTEM_LANG_CODE_EMPTY'],
] as const

export function createCallRules(telegram: Telegram): CallRules {
  const { keys, secrets } = telegram.store
  const sessions = new Set<string>()

  function introduce({ wrappers, usedKeyId }: RpcCall, connection: TlObject): void {
    // "invokeWithLayer can be used only together with initConnection" (https://core.telegram.org/api/invoking#layers).
    const namesLayer = wrappers.some(({ _ }) => _ === 'invokeWithLayer')
    if (!namesLayer && !keys.isIntroduced(usedKeyId)) throw badRequest('CONNECTION_LAYER_INVALID')
    if (int(connection, 'api_id') !== secrets.apiId) throw badRequest('CONNECTION_API_ID_INVALID')
    for (const [field, message] of NEEDED_FIELDS)
      if (text(connection, field) === '') throw badRequest(message)
    if (!LANGUAGE_PACKS.has(text(connection, 'lang_pack')))
      throw badRequest('CONNECTION_LANG_PACK_INVALID')
  }

  /**
   * "This method must be called when first calling the API after the application has been
   * restarted"; the fields are kept with the key
   * (https://core.telegram.org/api/invoking#saving-client-info).
   */
  function checkIntroduction(call: RpcCall): void {
    const { wrappers, usedKeyId } = call
    const session = sessionOf(call)
    const connection = wrappers.find(({ _ }) => _ === 'initConnection')
    if (connection) {
      introduce(call, connection)
      keys.setIntroduced(usedKeyId, true)
      sessions.add(session)
    }
    // An application that was restarted has begun another session.
    const isKnown = telegram.settings.strictSessions
      ? sessions.has(session)
      : keys.isIntroduced(usedKeyId)
    if (!isKnown) throw badRequest('CONNECTION_NOT_INITED')
  }

  return {
    check: (call) => {
      for (const { _ } of call.wrappers) {
        const refusal = REFUSED_WRAPPERS[_]?.()
        if (refusal) throw refusal
      }
      checkIntroduction(call)
      checkPlace(call)
    },
    // "initConnection must also be called after each auth.bindTempAuthKey" (https://core.telegram.org/api/invoking).
    keyBound: (temporaryKeyId) => {
      keys.setIntroduced(temporaryKeyId, false)
      for (const session of sessions)
        if (session.startsWith(`${temporaryKeyId}_`)) sessions.delete(session)
    },
  }
}

/** Throws when this address does not serve the method. */
function checkPlace({ method, connection }: RpcCall): void {
  const { dcId, mediaOnly } = connection.role
  if (mediaOnly && !MEDIA_METHODS.test(method._)) throw badRequest('METHOD_INVALID')
  if (dcId === CDN_DC && !CDN_METHODS.test(method._)) throw badRequest('CDN_METHOD_INVALID')
  if (dcId !== CDN_DC && method._ === 'upload.getCdnFile') throw new RpcError(500, 'UNKNOWN_METHOD')
}
