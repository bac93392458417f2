import type { Api, Gramjs } from '../connection/gramjs.ts'
import type { CallOptions } from '../connection/request-channel.ts'
import type { Account } from './account.ts'

/** A channel as one account may name it. Longs are decimal text. */
export interface Channel {
  readonly id: string
  readonly accessHash: string
}

export interface ChannelSearch {
  account: Account
  /** The bare id of the channel that is wanted. */
  id: string
  options: CallOptions
  /** Called with every channel that the search comes across. */
  onChannel: (channel: Channel) => void
}

/** The channel with its hash, unless it is another kind of chat or only a mention of one. */
export function toChannel({ Api }: Gramjs, chat: Api.TypeChat): Channel | null {
  if (!(chat instanceof Api.Channel) || chat.min === true || !chat.accessHash) return null
  return { id: chat.id.toString(), accessHash: chat.accessHash.toString() }
}

export function toInputChannel({ Api, toLong }: Gramjs, channel: Channel): Api.InputChannel {
  return new Api.InputChannel({
    channelId: toLong(channel.id),
    accessHash: toLong(channel.accessHash),
  })
}

export function toInputPeer({ Api, toLong }: Gramjs, channel: Channel): Api.InputPeerChannel {
  return new Api.InputPeerChannel({
    channelId: toLong(channel.id),
    accessHash: toLong(channel.accessHash),
  })
}
