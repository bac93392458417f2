import type { Emulator } from 'telegram-emulator'
import { createForwardingGateway } from '../../../src/cluster/gateway/forwarding-gateway.ts'
import type { ChannelGateway, PostJournal, PostNote } from '../../../src/core/ports/channel.ts'
import type { TelegramGateway } from '../../../src/core/ports/telegram.ts'
import { createGatedGateway } from '../../../src/telegram/gated-gateway.ts'
import type { MemoryNodes } from '../../helpers/peers/memory-nodes.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { type GatewayOptions, startGateway } from '../../telegram/mtproto/setup.ts'

/** One node's Telegram, among those of `nodes`; closed when the test ends. */
export function startNode(
  telegram: Emulator,
  nodes: MemoryNodes,
  address: string,
  { reads = 'holder', ...options }: GatewayOptions & { reads?: 'holder' | 'shared' } = {},
): { gateway: TelegramGateway; channel: ChannelGateway } {
  const { leases, peers } = nodes.node(address)
  const { gateway } = startGateway(telegram, { idleMs: 60_000, ...options, leases })
  const local = createGatedGateway(() => gateway)
  local.gate.open()
  return createForwardingGateway({ local, leases, peers, reads, log: createRecordingLog() })
}

/** What survives a node: all notes of one post, the last one in force. */
export function createNotes(): PostJournal & { saved: PostNote[] } {
  const saved: PostNote[] = []
  return {
    saved,
    load: async () => saved.at(-1) ?? null,
    save: async (note) => void saved.push(note),
  }
}
