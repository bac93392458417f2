import { toChatId } from '../../telegram/bot-api/chat-id.ts'
import { ask } from './ask.ts'
import type { AccountContext } from './check.ts'
import { reportRights } from './rights.ts'

const BOT = 'Bot'
const CHANNEL = "Bot's channel"

type Fields = Record<string, unknown>

/** Checks that the token of the bot is valid, and that the bot may post in the channel. */
export async function checkBot(context: AccountContext): Promise<void> {
  const { report } = context
  const me = await call(context, 'getMe')
  if (me === null) {
    return report({
      verdict: 'failed',
      check: BOT,
      text: 'the Bot API cannot be reached',
      advice: 'Is the way to TELEGRAM_BOT_API_ROOT (https://api.telegram.org) open from here?',
    })
  }
  if (!me.result) {
    return report({
      verdict: 'failed',
      check: BOT,
      text: `Telegram does not take the bot token (${me.description})`,
      advice:
        'Ask @BotFather for the token (/mybots, API Token) and set it whole, with the digits before the colon.',
    })
  }
  report({ verdict: 'ok', check: BOT, text: `${nameOf(me.result)} is known to Telegram` })
  await checkChannel(context, me.result)
}

async function checkChannel(context: AccountContext, me: Fields): Promise<void> {
  const { report, credentials } = context
  const chat_id = toChatId(credentials.channelId)
  const chat = await call(context, 'getChat', { chat_id })
  if (!chat?.result) {
    return report({
      verdict: 'failed',
      check: CHANNEL,
      text: `the bot does not see the channel ${chat_id} (${chat?.description ?? 'no answer'})`,
      advice: `Add ${nameOf(me)} to the channel as an administrator. The id begins with -100; @userinfobot and\nthe address of a message in Telegram Web tell it.`,
    })
  }
  const member = await call(context, 'getChatMember', { chat_id, user_id: String(me.id) })
  const { status, can_post_messages: mayPost, ...rights } = member?.result ?? {}
  const title = `${chat.result.title}`
  // Only channels have this right; in a group every member may post.
  const isChannel = chat.result.type === 'channel'
  const may =
    status === 'creator' || (isChannel ? status === 'administrator' && mayPost !== false : !!status)
  if (may) {
    report({ verdict: 'ok', check: CHANNEL, text: `may post in "${title}"` })
    // A creator's rights are not told.
    const mayEdit = status === 'creator' || !isChannel || rights.can_edit_messages === true
    const mayDelete = status === 'creator' || rights.can_delete_messages === true
    return reportRights(context, { check: CHANNEL, who: nameOf(me), mayEdit, mayDelete })
  }
  report({
    verdict: 'failed',
    check: CHANNEL,
    text: `may not post in "${title}" (${status ?? member?.description ?? 'no answer'})`,
    advice: `In the channel: Administrators, ${nameOf(me)}, "Post messages".`,
  })
}

interface BotAnswer {
  result: Fields | null
  description: string
}

/** Resolves with null when the answer is not one of a Bot API. */
async function call(
  { config, credentials, signal }: AccountContext,
  method: string,
  fields: Record<string, string> = {},
): Promise<BotAnswer | null> {
  const { botToken } = credentials
  const token = encodeURI(botToken ?? '')
  const answer = await ask(`${config.botApi.root}/bot${token}/${method}`, signal, { fields })
  if (!answer?.body || typeof answer.body.ok !== 'boolean') return null
  const { result, description } = answer.body
  return {
    result: typeof result === 'object' && result !== null ? { ...result } : null,
    description: typeof description === 'string' ? description : `status ${answer.status}`,
  }
}

function nameOf({ username, first_name }: Fields): string {
  return typeof username === 'string' ? `@${username}` : `"${first_name}"`
}
