import fc, { type Arbitrary } from 'fast-check'
import { anyRequest } from './arbitraries/requests.ts'
import { spoilBytes, spoilFirstLine, spoilHeaders } from './arbitraries/spoiling.ts'
import { type HostileRequest, toBytes } from './requests.ts'

const MAX_NAME = 3_000

const bytes: Arbitrary<Buffer> = fc.oneof(
  { weight: 5, arbitrary: anyRequest.map(toBytes) },
  { weight: 2, arbitrary: anyRequest.chain(spoilHeaders).map(toBytes) },
  { weight: 1, arbitrary: anyRequest.chain(spoilFirstLine).map(toBytes) },
  { weight: 2, arbitrary: anyRequest.map(toBytes).chain(spoilBytes) },
  { weight: 1, arbitrary: anyRequest.chain(spoilHeaders).map(toBytes).chain(spoilBytes) },
)

/**
 * A request that began as a good one, whole or in two packets, sometimes left alone by its sender.
 * Its name is itself, so that a counterexample can be sent again.
 */
export const hostileRequest: Arbitrary<HostileRequest> = fc
  .tuple(bytes, fc.option(fc.nat({ max: 2000 }), { freq: 4 }), fc.nat({ max: 15 }))
  .map(([whole, cutAt, fate]) => ({
    name: JSON.stringify(whole.toString('latin1').slice(0, MAX_NAME)),
    pieces: cutAt === null ? [whole] : [whole.subarray(0, cutAt), whole.subarray(cutAt)],
    ...(fate === 0 && { cut: true }),
  }))
