import { toMarkedId } from './bot-api/chats.ts'
import { HOME_DC, type Telegram } from './context.ts'
import type { CreateAccountOptions, EmulatedAccount } from './contract.ts'
import { nowSeconds } from './lib/clock.ts'
import { toGramjsSession, toTelethonSession } from './session-strings.ts'
import type { Bundle } from './store/bundles.ts'

const DAY_SECONDS = 86_400

/** Makes a user, a bot and their channel, or finds them by their label. */
export function createAccount(telegram: Telegram, options: CreateAccountOptions): EmulatedAccount {
  const { store } = telegram
  const bundle = store.transaction(() => {
    const known = store.bundles.find(options.label)
    const found = known ?? makeBundle(telegram, options)
    if (known && options.freshSession && known.userId !== null)
      found.authKeyId = makeSession(telegram, known.userId)
    store.bundles.save(found)
    return found
  })
  return describe(telegram, bundle)
}

function makeBundle(telegram: Telegram, options: CreateAccountOptions): Bundle {
  const { accounts, channels } = telegram.store
  const { label, withUser = true, withBot = true, premium = false, channelPosition } = options
  const common = { premium, dcId: HOME_DC }
  const user = accounts.create({ kind: 'user', name: label, ...common })
  const bot = withBot
    ? accounts.create({ kind: 'bot', name: `${label} bot`, premium: false, dcId: HOME_DC })
    : null
  const age = channelPosition ? 30 * DAY_SECONDS : 0
  const createdAt = nowSeconds() - age
  const channel = channels.create({ title: `${label} files`, creatorId: user.id, createdAt })
  if (bot) channels.setMember(channel.id, bot.id, { role: 'admin', folderId: 0, lacks: [] })
  if (channelPosition) {
    const folderId = channelPosition.archived ? 1 : 0
    channels.setMember(channel.id, user.id, { role: 'creator', folderId, lacks: [] })
    addCrowd(telegram, { userId: user.id, after: createdAt, folderId, ...channelPosition })
  }
  const authKeyId = withUser ? makeSession(telegram, user.id) : null
  return { label, userId: user.id, botId: bot?.id ?? null, channelId: channel.id, authKeyId }
}

function makeSession(telegram: Telegram, userId: number): string {
  const key = telegram.store.keys.create(HOME_DC)
  telegram.store.keys.login(key.id, userId)
  return key.id
}

/** Other channels, each newer than the user's own; two by two of one date, which paging must bear. */
function addCrowd(
  telegram: Telegram,
  crowd: { userId: number; after: number; folderId: number; dialogsBefore: number },
): void {
  const { accounts, channels } = telegram.store
  const owner = accounts.create({ kind: 'user', name: 'Crowd', premium: false, dcId: HOME_DC })
  const otherFolder = 3
  for (let n = 0; n < crowd.dialogsBefore + otherFolder; n++) {
    const createdAt = crowd.after + 60 * (1 + Math.floor(n / 2))
    const channel = channels.create({ title: `Channel ${n + 1}`, creatorId: owner.id, createdAt })
    const folderId = n < crowd.dialogsBefore ? crowd.folderId : 1 - crowd.folderId
    channels.setMember(channel.id, crowd.userId, { role: 'member', folderId, lacks: [] })
  }
}

function describe(telegram: Telegram, bundle: Bundle): EmulatedAccount {
  const { secrets, keys, accounts } = telegram.store
  const key = bundle.authKeyId === null ? null : keys.find(bundle.authKeyId)
  const home = telegram.addresses.find(({ dcId, mediaOnly }) => dcId === HOME_DC && !mediaOnly)
  const address = key && home ? { ...home, key: key.key } : null
  const bot = bundle.botId === null ? null : accounts.find(bundle.botId)
  return {
    label: bundle.label,
    apiId: secrets.apiId,
    apiHash: secrets.apiHash,
    session: address ? toGramjsSession(address) : null,
    telethonSession: address ? toTelethonSession(address) : null,
    authKeyId: bundle.authKeyId,
    userId: bundle.userId ?? 0,
    botToken: bot?.botToken ?? null,
    botId: bundle.botId,
    channelId: String(toMarkedId(bundle.channelId)),
  }
}
