import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Emulator } from 'telegram-emulator'
import { expect, onTestFinished, test } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { botOf, createFile, createRequest, startGatewayAt } from './setup.ts'

test('a key exchange that fails is done again, with another key', async () => {
  const telegram = await startTelegram()
  const door = await startDoor(telegram, { cutsFirst: 2 })
  const { gateway } = startGatewayAt({
    ...telegram,
    mtproto: { ...telegram.mtproto, ...door.address },
  })

  await gateway.finish(createRequest(botOf(telegram.account), createFile(51 * MiB)))

  expect(door.connections()).toBeGreaterThanOrEqual(3)
  expect(telegram.counters.read().authorizations.bot).toBe(1)
})

test('a key exchange that the server never finishes is given up', async () => {
  const telegram = await startTelegram()
  const door = await startDoor(telegram, { cutsFirst: Number.POSITIVE_INFINITY })
  const { gateway } = startGatewayAt({
    ...telegram,
    mtproto: { ...telegram.mtproto, ...door.address },
  })

  const posted = gateway.finish(createRequest(botOf(telegram.account), createFile(51 * MiB)))

  await expect(posted).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
})

test('a server that announces a packet of 2 GB is not given the memory for it', async () => {
  const telegram = await startTelegram()
  const { address, connections } = await startLiar(0x7fff_fff0)
  const place = { ...telegram, mtproto: { ...telegram.mtproto, ...address } }
  const { gateway } = startGatewayAt(place, { openMs: 600_000 })

  const posted = gateway.finish(createRequest(botOf(telegram.account), createFile(51 * MiB)))

  await expect(posted).rejects.toMatchObject({ code: 'TELEGRAM_UNAVAILABLE' })
  expect(connections()).toBeGreaterThan(0)
})

/** A server that answers whatever it hears with the beginning of a packet of so many bytes. */
async function startLiar(packetBytes: number) {
  let connections = 0
  const header = Buffer.alloc(8)
  header.writeInt32LE(packetBytes, 0)
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).once('data', () => socket.write(header))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { address: { host: '127.0.0.1', port }, connections: () => connections }
}

/** A way to Telegram's main address that cuts its first connections as soon as they speak. */
async function startDoor(telegram: Emulator, { cutsFirst }: { cutsFirst: number }) {
  let connections = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    if (++connections <= cutsFirst) {
      socket.once('data', () => socket.destroy())
      return
    }
    const { host, port } = telegram.mtproto
    const inner = connect(port, host)
    inner.on('error', () => {}).on('close', () => socket.destroy())
    socket.on('close', () => inner.destroy())
    socket.pipe(inner).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { address: { host: '127.0.0.1', port }, connections: () => connections }
}
