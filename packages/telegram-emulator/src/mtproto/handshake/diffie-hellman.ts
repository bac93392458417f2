import { createDiffieHellman, type DiffieHellman, randomBytes } from 'node:crypto'

/** The prime that Telegram has used for years; clients know it and skip the slow test of it (https://core.telegram.org/mtproto/security_guidelines). */
export const DH_PRIME = Buffer.from(
  'c71caeb9c6b1c9048e6c522f70f13f73980d40238e3e21c14934d037563d930f' +
    '48198a0aa7c14058229493d22530f4dbfa336f6e0ac925139543aed44cce7c37' +
    '20fd51f69458705ac68cd4fe6b6b13abdc9746512969328454f18faf8c595f64' +
    '2477fe96bb2a941d5bcd1d4ac8cc49880708fa9b378e3c4f3a9060bee67cf9a4' +
    'a4a695811051907e162753b56b0f6b410dba74d8a84b2a14b3144e0ef1284754' +
    'fd17ed950d5965b4b9dd46582db1178d169c6bc465b0d6ff9ca3928fef5b9ae4' +
    'e418fc15e83ebea0f87fa9ff5eed70050ded2849f47bf959d956850ce929851f' +
    '0d8115f635b105ee2e4e15d04b2454bf6f4fadf034b10403119cd8e3b92fcc5b',
  'hex',
)
export const DH_GENERATOR = 3

const LENGTH = 256
const PRIME = BigInt(`0x${DH_PRIME.toString('hex')}`)
/** Both sides refuse numbers too near the ends of the range. */
const MARGIN = 2n ** (2048n - 64n)

let shared: DiffieHellman | null = null

// Making the object tests the prime, which is slow; its state lasts for one synchronous use only.
function group(): DiffieHellman {
  shared ??= createDiffieHellman(DH_PRIME, DH_GENERATOR)
  return shared
}

function pad(value: Uint8Array): Buffer {
  const padded = Buffer.alloc(LENGTH)
  padded.set(value, LENGTH - value.length)
  return padded
}

/** A fresh secret exponent and the public number that belongs to it. */
export function createSecret(): { secret: Uint8Array; publicValue: Uint8Array } {
  const secret = randomBytes(LENGTH)
  const dh = group()
  dh.setPrivateKey(secret)
  return { secret, publicValue: pad(dh.generateKeys()) }
}

/** The key that both sides now share, or null when the other side's number is out of range. */
export function agree(secret: Uint8Array, otherPublic: Uint8Array): Buffer | null {
  if (otherPublic.length === 0 || otherPublic.length > LENGTH) return null
  const value = BigInt(`0x${Buffer.from(otherPublic).toString('hex')}`)
  if (value < MARGIN || value > PRIME - MARGIN) return null
  const dh = group()
  dh.setPrivateKey(secret)
  return pad(dh.computeSecret(pad(otherPublic)))
}
