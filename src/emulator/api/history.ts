import { badRequest } from '../rpc-error.ts'
import type { HistoryQuery } from '../store/messages.ts'
import { child, int, optionalInt, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import { toChannel, toMessage } from './entities.ts'
import type { Call, Methods } from './method.ts'
import { resolveChannel } from './peers.ts'

const MAX_PAGE = 100

/** Filters that a plain file passes; every other finds nothing here. */
const DOCUMENT_FILTERS = ['inputMessagesFilterDocument']

export const historyMethods: Methods = {
  'messages.getHistory': (call) => {
    refuseBot(call)
    return answer(call, { documentsOnly: false, text: '' })
  },
  'messages.search': (call) => {
    refuseBot(call)
    const filter = child(call.method, 'filter')._
    const documentsOnly = DOCUMENT_FILTERS.includes(filter)
    if (!documentsOnly && filter !== 'inputMessagesFilterEmpty')
      return answer(call, { documentsOnly: false, text: '', nothing: true })
    return answer(call, { documentsOnly, text: text(call.method, 'q') })
  },
}

/** Bots cannot read a channel's past (https://core.telegram.org/method/messages.getHistory). */
function refuseBot({ account }: Call): void {
  if (account.kind === 'bot') throw badRequest('BOT_METHOD_INVALID')
}

function answer(
  call: Call,
  wanted: Pick<HistoryQuery, 'documentsOnly' | 'text'> & { nothing?: boolean },
): TlObject {
  const { telegram, method } = call
  const channel = resolveChannel(call, child(method, 'peer'))
  const found = wanted.nothing
    ? { messages: [], count: 0 }
    : telegram.store.messages.history({
        channelId: channel.id,
        offsetId: int(method, 'offset_id'),
        offsetDate: optionalInt(method, 'offset_date') || optionalInt(method, 'max_date'),
        addOffset: int(method, 'add_offset'),
        limit: Math.min(Math.max(int(method, 'limit'), 1), MAX_PAGE),
        minId: int(method, 'min_id'),
        maxId: int(method, 'max_id'),
        documentsOnly: wanted.documentsOnly,
        text: wanted.text,
      })
  return {
    _: 'messages.channelMessages',
    pts: channel.pts,
    count: found.count,
    messages: found.messages.map((message) => toMessage(call, message)),
    topics: [],
    chats: [toChannel(call, channel)],
    users: [],
  }
}
