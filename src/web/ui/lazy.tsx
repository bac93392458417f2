import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { notify } from '../notice.tsx'

/**
 * Returns a component whose code is loaded when it is first shown, so that the page opens without it.
 * Nothing is drawn until then. Where the code does not come, a notice says so, and `onClose` is called,
 * so that the next click tries again.
 */
export function lazy<P extends { onClose: () => void }>(
  load: () => Promise<ComponentType<P>>,
): ComponentType<P> {
  let Loaded: ComponentType<P> | null = null
  return function Lazy(props: P) {
    const [, redraw] = useState({})
    useEffect(() => {
      if (Loaded) return
      load().then(
        (component) => {
          Loaded = component
          redraw({})
        },
        () => {
          notify({ text: 'This part of the page did not load. Reload the page.', isFault: true })
          props.onClose()
        },
      )
    }, [])
    return Loaded && <Loaded {...props} />
  }
}
