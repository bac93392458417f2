import { lineOfOurs } from '../../../core/model/caption.ts'
import type { NewMessage, NewPost, PostNote } from '../../../core/ports/channel.ts'
import { faultOf } from '../../errors.ts'
import { noSuchMessage } from '../../message-refusals.ts'
import { toInputPeer } from '../account/channel.ts'
import type { Api } from '../connection/gramjs.ts'
import { messagesById, type Reading } from '../files/history.ts'
import { documentOf, toStoredDocument } from '../files/messages.ts'
import { sendDocument } from '../files/post.ts'
import { type PostState, postOnce } from '../files/post-once.ts'
import { keepFormats } from './formatting.ts'

/** As ChannelGateway.post, by one account; exactly once. */
export async function postMessage(
  reading: Reading,
  { text, copyOf, journal }: NewPost,
): Promise<NewMessage> {
  const { kind } = reading.account
  // Telegram may take white space off the ends of a text, but not out of our line.
  const wanted = lineOfOurs(text) ?? text
  const posted = await postOnce({
    reading,
    state: toState(await journal.load(), kind),
    save: ({ randomId, newestMessageId, postAttempts: attempts }) =>
      journal.save({ actor: kind, randomId, newestMessageId, attempts }),
    isPosted: ({ message }) => (lineOfOurs(message) ?? message) === wanted,
    send: (randomId) =>
      copyOf === null
        ? sendText(reading, text, randomId)
        : sendCopy(reading, { messageId: copyOf, text, randomId }),
  })
  const postedAt = posted.message === null ? Date.now() : posted.message.date * 1000
  return { messageId: posted.id, postedAt, postedBy: kind }
}

/** A `random_id` is one account's; what was noted of the channel holds for both. */
function toState(note: PostNote | null, kind: 'user' | 'bot'): PostState {
  return {
    randomId: note?.actor === kind ? note.randomId : null,
    newestMessageId: note?.newestMessageId ?? null,
    postAttempts: note?.attempts ?? 0,
  }
}

async function sendCopy(
  reading: Reading,
  { messageId, ...post }: { messageId: number; text: string; randomId: string },
): Promise<Api.TypeUpdates> {
  // Read anew each time: a reference may end at any moment.
  const send = async (): Promise<Api.TypeUpdates> => {
    const [message] = await messagesById(reading, [messageId])
    const { gramjs } = reading.account
    const document = message && documentOf(gramjs, message)
    if (!document || !(message instanceof gramjs.Api.Message)) throw noSuchMessage()
    const entities = keepFormats(message, post.text)
    return sendDocument(reading, { document: toStoredDocument(document), entities, ...post })
  }
  try {
    return await send()
  } catch (error) {
    if (faultOf(error).kind !== 'reference-expired') throw error
    return send()
  }
}

function sendText(
  { account, channel, options }: Reading,
  message: string,
  randomId: string,
): Promise<Api.TypeUpdates> {
  const { gramjs } = account
  const { Api, toLong } = gramjs
  const request = new Api.messages.SendMessage({
    peer: toInputPeer(gramjs, channel),
    message,
    noWebpage: true,
    silent: true,
    randomId: toLong(randomId),
  })
  return account.call(request, { ...options, once: true })
}
