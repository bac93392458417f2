import { lineOfOurs } from '../../../core/model/caption.ts'
import type { MessageEdit } from '../../../core/ports/channel.ts'
import { RpcError } from '../../errors.ts'
import { noSuchMessage, notDeletable, notEditable } from '../../message-refusals.ts'
import { toInputChannel, toInputPeer } from '../account/channel.ts'
import type { Api } from '../connection/gramjs.ts'
import { messagesById, type Reading } from '../files/history.ts'
import { keepFormats } from './formatting.ts'

/** What Telegram says where an account lacks the right to change a message of another. */
const NOT_ALLOWED = new Set([
  'CHAT_ADMIN_REQUIRED',
  'CHAT_WRITE_FORBIDDEN',
  'MESSAGE_AUTHOR_REQUIRED',
  'MESSAGE_DELETE_FORBIDDEN',
  'MESSAGE_EDIT_TIME_EXPIRED',
  'RIGHT_FORBIDDEN',
  'USER_ADMIN_INVALID',
])

/** As ChannelGateway.edit, by one account. */
export async function editMessage(
  reading: Reading,
  { messageId, text }: MessageEdit,
): Promise<{ editedAt: number | null }> {
  const { account, channel, options } = reading
  const { gramjs } = account
  const { Api } = gramjs
  const request = new Api.messages.EditMessage({
    peer: toInputPeer(gramjs, channel),
    id: messageId,
    message: text,
    noWebpage: true,
    entities: await formatsFor(reading, messageId, text),
  })
  try {
    const updates = await account.call(request, options)
    const list = updates instanceof Api.Updates ? updates.updates : []
    const edited = list.find((update) => update instanceof Api.UpdateEditChannelMessage)
    const message = edited?.message instanceof Api.Message ? edited.message : null
    return { editedAt: message?.editDate ? message.editDate * 1000 : null }
  } catch (error) {
    const name = error instanceof RpcError ? error.text : ''
    if (name === 'MESSAGE_NOT_MODIFIED') return { editedAt: null }
    if (NOT_ALLOWED.has(name)) throw notEditable('rights', error)
    if (!/^(?:MESSAGE|MSG)_ID_INVALID$/.test(name)) throw error
    // Telegram says the same of a message that is there, and that can never be edited.
    const found = await messagesById(reading, [messageId])
    throw found.length > 0 ? notEditable('kind', error) : noSuchMessage(error)
  }
}

/** What people wrote beside our line keeps its formats, which have to be read for that. */
async function formatsFor(
  reading: Reading,
  messageId: number,
  text: string,
): Promise<Api.TypeMessageEntity[]> {
  if (lineOfOurs(text) === text) return []
  const [message] = await messagesById(reading, [messageId])
  if (!message) throw noSuchMessage()
  return message instanceof reading.account.gramjs.Api.Message ? keepFormats(message, text) : []
}

/** Deletes a hundred messages at most. Rejects with NOT_DELETABLE where Telegram refuses one of them. */
export async function deleteMessages(
  { account, channel, options }: Reading,
  ids: readonly number[],
): Promise<void> {
  const { gramjs } = account
  const request = new gramjs.Api.channels.DeleteMessages({
    channel: toInputChannel(gramjs, channel),
    id: [...ids],
  })
  try {
    await account.call(request, options)
  } catch (error) {
    throw error instanceof RpcError && NOT_ALLOWED.has(error.text) ? notDeletable(error) : error
  }
}

/** Those of the messages that exist, by whether this account has posted them. */
export async function sortByPoster(
  reading: Reading,
  ids: readonly number[],
): Promise<{ own: number[]; others: number[] }> {
  const found = await messagesById(reading, ids)
  const { own = [], others = [] } = Object.groupBy(found, ({ out }) =>
    out === true ? 'own' : 'others',
  )
  const idsOf = (messages: typeof found): number[] => messages.map(({ id }) => id)
  return { own: idsOf(own), others: idsOf(others) }
}
