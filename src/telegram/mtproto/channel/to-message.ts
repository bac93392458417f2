import type { ChannelMessage, MessageDocument } from '../../../core/ports/channel.ts'
import type { Account } from '../account/account.ts'
import type { Api, Gramjs } from '../connection/gramjs.ts'
import { documentOf, fileNameOf, thumbnailOf } from '../files/messages.ts'

/** The messages among them: what is empty or about the channel itself is none. */
export function toChannelMessages(
  account: Pick<Account, 'gramjs' | 'kind'>,
  messages: readonly Api.TypeMessage[],
): ChannelMessage[] {
  const { Api } = account.gramjs
  return messages.flatMap((message) =>
    message instanceof Api.Message ? toChannelMessage(account, message) : [],
  )
}

function toChannelMessage(
  { gramjs, kind }: Pick<Account, 'gramjs' | 'kind'>,
  message: Api.Message,
): ChannelMessage {
  const document = documentOf(gramjs, message)
  return {
    messageId: message.id,
    postedAt: message.date * 1000,
    editedAt: message.editDate ? message.editDate * 1000 : null,
    text: message.message,
    forwarded: message.fwdFrom !== undefined && message.fwdFrom !== null,
    postedBy: message.out === true ? kind : null,
    document: document && toMessageDocument(gramjs, document),
  }
}

function toMessageDocument(gramjs: Gramjs, document: Api.Document): MessageDocument {
  return {
    id: document.id.toString(),
    size: Number(document.size),
    fileName: fileNameOf(gramjs, document),
    mimeType: document.mimeType || null,
    thumbnail: thumbnailOf(gramjs, document) !== null,
  }
}
