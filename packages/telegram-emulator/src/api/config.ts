import { createPublicKey } from 'node:crypto'
import type { Telegram } from '../context.ts'
import type { Address } from '../contract.ts'
import { nowSeconds } from '../lib/clock.ts'
import { optionalInt } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import type { OpenMethods } from './method.ts'

const CONFIG_TTL_SECONDS = 3600

export const configMethods: OpenMethods = {
  'help.getConfig': ({ telegram, connection }) => toConfig(telegram, connection.role.dcId),
  'help.getNearestDc': ({ connection }) => ({
    _: 'nearestDc',
    country: 'AQ',
    this_dc: connection.role.dcId,
    nearest_dc: connection.role.dcId,
  }),
  'help.getAppConfig': ({ telegram, method }) => {
    const { maxParts, maxPartsPremium } = telegram.settings
    const hash = maxParts * 31 + maxPartsPremium
    if (optionalInt(method, 'hash') === hash) return { _: 'help.appConfigNotModified' }
    const value = [
      jsonNumber('upload_max_fileparts_default', maxParts),
      jsonNumber('upload_max_fileparts_premium', maxPartsPremium),
      jsonNumber('small_queue_max_active_operations_count', 5),
      jsonNumber('large_queue_max_active_operations_count', 2),
    ]
    return { _: 'help.appConfig', hash, config: { _: 'jsonObject', value } }
  },
  'help.getCdnConfig': ({ telegram }) => ({
    _: 'cdnConfig',
    public_keys: telegram.addresses
      .filter(({ cdn }) => cdn)
      .map(({ dcId }) => ({
        _: 'cdnPublicKey',
        dc_id: dcId,
        public_key: telegram.cdnPublicKeyPem,
      })),
  }),
}

function jsonNumber(key: string, value: number): TlObject {
  return { _: 'jsonObjectValue', key, value: { _: 'jsonNumber', value } }
}

/** Telegram's own traps among the addresses: a client must read the flags (https://core.telegram.org/constructor/dcOption). */
function toDcOptions(telegram: Telegram): TlObject[] {
  const { addresses, deadPort, settings } = telegram
  const main = addresses.filter(({ mediaOnly, cdn }) => !mediaOnly && !cdn)
  const media = settings.mediaAddresses ? addresses.filter(({ mediaOnly }) => mediaOnly) : []
  const cdn = addresses.filter((address) => address.cdn)
  const decoys = main.flatMap(({ dcId, host }) => [
    { ...dcOption({ dcId, host: '::1', port: deadPort }), ipv6: true },
    { ...dcOption({ dcId, host, port: deadPort }), tcpo_only: true, secret: new Uint8Array(16) },
    {
      ...dcOption({ dcId, host, port: deadPort }),
      media_only: true,
      tcpo_only: true,
      secret: new Uint8Array(16).fill(7),
    },
    { ...dcOption({ dcId, host: '::1', port: deadPort }), ipv6: true, media_only: true },
  ])
  const dead = media.map(({ dcId, host }) => ({
    ...dcOption({ dcId, host, port: deadPort }),
    media_only: true,
  }))
  return [
    ...main.map((address) => ({ ...dcOption(address), static: true, this_port_only: true })),
    ...decoys,
    ...(settings.deadMediaAddress === 'first' ? dead : []),
    ...media.map((address) => ({ ...dcOption(address), media_only: true, this_port_only: true })),
    ...(settings.deadMediaAddress === 'last' ? dead : []),
    ...cdn.map((address) => ({ ...dcOption(address), cdn: true })),
  ]
}

function dcOption({ dcId, host, port }: Pick<Address, 'dcId' | 'host' | 'port'>): TlObject {
  return { _: 'dcOption', id: dcId, ip_address: host, port }
}

function toConfig(telegram: Telegram, thisDc: number): TlObject {
  const date = nowSeconds()
  return {
    _: 'config',
    revoke_pm_inbox: true,
    date,
    expires: date + CONFIG_TTL_SECONDS,
    test_mode: false,
    this_dc: thisDc,
    dc_options: toDcOptions(telegram),
    dc_txt_domain_name: 'localhost',
    ...CONFIG_NUMBERS,
    me_url_prefix: 'https://t.me/',
  }
}

const CONFIG_NUMBERS = {
  chat_size_max: 200,
  megagroup_size_max: 200_000,
  forwarded_count_max: 100,
  online_update_period_ms: 210_000,
  offline_blur_timeout_ms: 5000,
  offline_idle_timeout_ms: 30_000,
  online_cloud_timeout_ms: 300_000,
  notify_cloud_delay_ms: 30_000,
  notify_default_delay_ms: 1500,
  push_chat_period_ms: 60_000,
  push_chat_limit: 2,
  edit_time_limit: 172_800,
  revoke_time_limit: 2_147_483_647,
  revoke_pm_time_limit: 2_147_483_647,
  rating_e_decay: 2_419_200,
  stickers_recent_limit: 200,
  channels_read_media_period: 604_800,
  call_receive_timeout_ms: 20_000,
  call_ring_timeout_ms: 90_000,
  call_connect_timeout_ms: 30_000,
  call_packet_timeout_ms: 10_000,
  caption_length_max: 1024,
  message_length_max: 4096,
  webfile_dc_id: 4,
}

/** A public key as Telegram publishes its own: PKCS#1. */
export function toPublicPem(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'pkcs1', format: 'pem' }).toString()
}
