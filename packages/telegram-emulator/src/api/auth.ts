import { randomBytes } from 'node:crypto'
import { CDN_DC, type Telegram } from '../context.ts'
import { badRequest, floodWait, RpcError } from '../rpc-error.ts'
import type { Account } from '../store/accounts.ts'
import { bytes, int, long, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toUser } from './entities.ts'
import type { Methods, OpenCall, OpenMethods } from './method.ts'

interface Export {
  accountId: number
  dcId: number
  expiresAt: number
}

const EXPORT_TTL_MS = 600_000

/** Logins by bot token and by an authorization exported from another data centre. */
export function createAuthMethods(): { open: OpenMethods; methods: Methods } {
  const exports = new Map<string, Export>()

  return {
    open: {
      'auth.importBotAuthorization': importBot,
      'auth.importAuthorization': (call) => importExported(call, exports),
      'auth.bindTempAuthKey': () => true,
    },
    methods: {
      'auth.exportAuthorization': ({ telegram, account, method, connection }) => {
        const dcId = int(method, 'dc_id')
        const isKnown = telegram.addresses.some((address) => address.dcId === dcId)
        if (!isKnown || dcId === CDN_DC || dcId === connection.role.dcId)
          throw badRequest('DC_ID_INVALID')
        const secret = randomBytes(128)
        const expiresAt = Date.now() + EXPORT_TTL_MS
        exports.set(secret.toString('hex'), { accountId: account.id, dcId, expiresAt })
        telegram.counters.add('exported')
        return { _: 'auth.exportedAuthorization', id: BigInt(account.id), bytes: secret }
      },
      'auth.logOut': ({ telegram, authKeyId }) => {
        telegram.store.keys.logout(authKeyId)
        return { _: 'auth.loggedOut' }
      },
    },
  }
}

function importBot({ telegram, method, authKeyId, connection }: OpenCall): TlObject {
  const { secrets, accounts, keys } = telegram.store
  if (int(method, 'api_id') !== secrets.apiId || text(method, 'api_hash') !== secrets.apiHash)
    throw badRequest('API_ID_INVALID')
  const token = text(method, 'bot_auth_token')
  const wait = telegram.limits.login(token)
  if (wait > 0) throw floodWait(wait)
  const bot = accounts.findByToken(token)
  if (!bot) throw badRequest('ACCESS_TOKEN_INVALID')
  if (bot.dcId !== connection.role.dcId) throw new RpcError(303, `USER_MIGRATE_${bot.dcId}`)
  keys.login(authKeyId, bot.id)
  telegram.counters.add('bot')
  return toAuthorization(telegram, bot)
}

/** The bytes are good once, at the data centre they were made for (https://core.telegram.org/method/auth.importAuthorization). */
function importExported(call: OpenCall, exports: Map<string, Export>): TlObject {
  const { telegram, method, authKeyId, connection } = call
  const secret = Buffer.from(bytes(method, 'bytes')).toString('hex')
  const exported = exports.get(secret)
  exports.delete(secret)
  const fits =
    exported &&
    exported.dcId === connection.role.dcId &&
    exported.accountId === Number(long(method, 'id')) &&
    Date.now() < exported.expiresAt
  const account = fits ? telegram.store.accounts.find(exported.accountId) : null
  if (!account) throw badRequest('AUTH_BYTES_INVALID')
  telegram.store.keys.login(authKeyId, account.id)
  telegram.counters.add('imported')
  return toAuthorization(telegram, account)
}

const toAuthorization = (telegram: Telegram, account: Account): TlObject => ({
  _: 'auth.authorization',
  user: toUser({ telegram, account }, account),
})
