import { decodeCaption, isSameKind } from '../../../core/model/caption.ts'
import { documentFileId } from '../../../core/model/file-id.ts'
import type { PostedFile } from '../../../core/ports/records.ts'
import type { TransferRequest } from '../../../core/ports/telegram.ts'
import type { Account } from '../account/account.ts'
import type { Channels } from '../account/channels.ts'
import { findMessage } from './history.ts'
import { documentOf, fileNameOf, toStoredDocument } from './messages.ts'

/** Seconds by which Telegram's clock and ours may differ. */
const CLOCK_SKEW_S = 120

export interface LostFileSearch {
  account: Account
  channels: Channels
  request: TransferRequest
}

/**
 * Looks for a file that the Bot API may have posted: the newest message since the transfer began
 * with its size and its caption's id and kind. A message without a line of ours counts by its name: a version
 * that wrote no captions may have posted it. The Bot API cannot look itself, a user can.
 */
export async function lookForPostedFile(search: LostFileSearch): Promise<PostedFile | null> {
  const { account, channels, request } = search
  const { file, credentials, journal, signal, onEvent } = request
  const state = await journal.load()
  const startedAt = state?.road === 'bot-api' ? state.startedAt : Date.now()
  const since = Math.floor(startedAt / 1000) - CLOCK_SKEW_S
  const onWait = (retryAfter: number): void => onEvent({ phase: 'waiting', retryAfter })
  const options = { signal, onWait }
  return channels.use(account, credentials.channelId, options, async (channel) => {
    const reading = { account, channel, options }
    const message = await findMessage(reading, { after: 0, since }, (candidate) => {
      const document = documentOf(account.gramjs, candidate)
      if (Number(document?.size) !== file.size) return false
      const said = decodeCaption(candidate.message, null)
      if (said !== null) return said.id === request.captionId && isSameKind(said.kind, request.kind)
      return document !== null && fileNameOf(account.gramjs, document) === file.name
    })
    const document = message && documentOf(account.gramjs, message)
    if (!document) return null
    return { messageId: message.id, fileId: documentFileId(toStoredDocument(document)) }
  })
}
