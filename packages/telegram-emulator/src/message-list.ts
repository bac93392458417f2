import { fromMarkedId } from './bot-api/chats.ts'
import type { Telegram } from './context.ts'
import type { ListedMessage } from './contract.ts'

const MAX_LISTED = 10_000

/** The files of a channel, oldest first, with digests that are computed for the list. */
export async function listMessages(
  telegram: Telegram,
  channelId: string,
): Promise<ListedMessage[]> {
  const { store, files } = telegram
  const id = fromMarkedId(Number(channelId))
  const { messages } = store.messages.history({
    channelId: id,
    ...{ offsetId: 0, offsetDate: 0, addOffset: 0, limit: MAX_LISTED, minId: 0, maxId: 0 },
    ...{ documentsOnly: true, kinds: null, minDate: 0, maxDate: 0, text: '' },
  })
  const listed: ListedMessage[] = []
  for (const message of messages.toReversed()) {
    const document = message.documentId === null ? null : store.documents.find(message.documentId)
    if (!document) continue
    listed.push({
      id: message.id,
      date: message.date,
      fromId: message.fromId,
      caption: message.text,
      silent: message.details.silent === true,
      randomId: store.messages.randomIdOf(id, message.id),
      documentId: document.id,
      fileName: document.fileName,
      mimeType: document.mimeType,
      size: document.size,
      sha256: await files.sha256(document.id),
    })
  }
  return listed
}
