import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts'

/** What can be done to a link. */
export type Cuts = Omit<Link, 'portTo' | 'takeTraffic'>

/** All ways from one node to one peer, which break together. */
export interface Link {
  /** The port that leads to `target`. */
  portTo: (target: number) => Promise<number>
  /** Bytes that went through, both ways, since this was called last. */
  takeTraffic: () => number
  /** Cuts all connections now; new ones go through. */
  cut: () => void
  /** Refuses new connections, and cuts those that are there, until `open`. */
  close: () => void
  open: () => void
  /** Lets nothing through any more, and no connection end, until `thaw`: a network that is gone. */
  freeze: () => void
  thaw: () => void
}

export function createLink(onEnd: (stop: () => void) => void): Link {
  const proxies = new Map<number, CuttingProxy>()
  let taken = 0
  const forAll = (act: (proxy: CuttingProxy) => void) => (): void => {
    for (const proxy of proxies.values()) act(proxy)
  }
  return {
    portTo: async (target) => {
      const proxy = proxies.get(target) ?? (await startCuttingProxy(target, onEnd))
      proxies.set(target, proxy)
      return proxy.port
    },
    takeTraffic: () => {
      const all = [...proxies.values()].reduce((sum, { traffic }) => sum + traffic, 0)
      const since = all - taken
      taken = all
      return since
    },
    cut: forAll((proxy) => proxy.cut()),
    close: forAll((proxy) => proxy.close()),
    open: forAll((proxy) => proxy.open()),
    freeze: forAll((proxy) => proxy.freeze()),
    thaw: forAll((proxy) => proxy.thaw()),
  }
}

/** The same for several at once. */
export function joinLinks(links: readonly Link[]): Cuts {
  const forAll = (act: (link: Link) => void) => (): void => links.forEach(act)
  return {
    cut: forAll((link) => link.cut()),
    close: forAll((link) => link.close()),
    open: forAll((link) => link.open()),
    freeze: forAll((link) => link.freeze()),
    thaw: forAll((link) => link.thaw()),
  }
}
