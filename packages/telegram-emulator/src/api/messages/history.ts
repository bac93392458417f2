import { badRequest } from '../../rpc-error.ts'
import type { DocumentKind } from '../../store/documents.ts'
import type { HistoryQuery } from '../../store/messages.ts'
import { child, int, isTlObject, optionalInt, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { toChats, toMessage } from '../entities.ts'
import { type Call, type Methods, refuseBot } from '../method.ts'
import { resolveChannel } from '../peers.ts'

const MAX_PAGE = 100

type Wanted = Pick<HistoryQuery, 'documentsOnly' | 'kinds' | 'text' | 'minDate' | 'maxDate'>

/** The kinds that each filter finds (https://core.telegram.org/type/MessagesFilter); other filters find nothing. */
const KINDS: Record<string, DocumentKind[]> = {
  inputMessagesFilterDocument: ['document'],
  inputMessagesFilterVideo: ['video'],
  inputMessagesFilterPhotoVideo: ['video'],
  inputMessagesFilterGif: ['animation'],
  inputMessagesFilterMusic: ['audio'],
  inputMessagesFilterVoice: ['voice'],
  inputMessagesFilterRoundVideo: ['round'],
  inputMessagesFilterRoundVoice: ['round', 'voice'],
}

const EVERYTHING: Wanted = { documentsOnly: false, kinds: null, text: '', minDate: 0, maxDate: 0 }
const NOTHING = 'nothing'

export const historyMethods: Methods = {
  'messages.getHistory': (call) => {
    refuseBot(call)
    return answer(call, EVERYTHING)
  },
  'messages.search': (call) => {
    refuseBot(call)
    return answer(call, readSearch(call))
  },
}

/** Reads a search; fields for other kinds of chats are refused or find nothing. */
function readSearch(call: Call): Wanted | typeof NOTHING {
  const { method } = call
  const filter = child(method, 'filter')._
  const kinds = KINDS[filter] ?? null
  // A broadcast channel has neither threads nor chats inside it.
  if (typeof method.top_msg_id === 'number') throw badRequest('MSG_ID_INVALID')
  if (isTlObject(method.saved_peer_id)) throw badRequest('PEER_ID_INVALID')
  // Its posts have the channel as their sender, and no reactions.
  const isFromAnother = isTlObject(method.from_id) && !isPeerItself(call, method.from_id)
  if (isFromAnother || Array.isArray(method.saved_reaction)) return NOTHING
  if (!kinds && filter !== 'inputMessagesFilterEmpty') return NOTHING
  return {
    documentsOnly: kinds !== null,
    kinds,
    text: text(method, 'q'),
    minDate: optionalInt(method, 'min_date'),
    maxDate: optionalInt(method, 'max_date'),
  }
}

function isPeerItself(call: Call, from: TlObject): boolean {
  if (from._ === 'inputPeerSelf' || from._ === 'inputPeerUser') return false
  if (from._ !== 'inputPeerChannel') throw badRequest('FROM_PEER_INVALID')
  return resolveChannel(call, from).id === resolveChannel(call, child(call.method, 'peer')).id
}

function answer(call: Call, wanted: Wanted | typeof NOTHING): TlObject {
  const { telegram, method } = call
  const channel = resolveChannel(call, child(method, 'peer'))
  const found =
    wanted === NOTHING
      ? { messages: [], count: 0 }
      : telegram.store.messages.history({
          channelId: channel.id,
          offsetId: int(method, 'offset_id'),
          offsetDate: optionalInt(method, 'offset_date'),
          addOffset: int(method, 'add_offset'),
          limit: Math.min(Math.max(int(method, 'limit'), 1), MAX_PAGE),
          minId: int(method, 'min_id'),
          maxId: int(method, 'max_id'),
          ...wanted,
        })
  const messages = found.messages.map((message) => toMessage(call, message))
  return {
    _: 'messages.channelMessages',
    pts: channel.pts,
    count: found.count,
    messages,
    topics: [],
    chats: toChats(call, channel, messages),
    users: [],
  }
}
