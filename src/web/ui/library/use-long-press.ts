import { useRef } from 'preact/hooks'

export interface LongPress {
  handlers: {
    onPointerDown: (event: PointerEvent) => void
    onPointerUp: () => void
    onPointerCancel: () => void
    onPointerMove: (event: PointerEvent) => void
    onContextMenu: (event: MouseEvent) => void
  }
  /** Whether the click that follows belongs to a long press; asking forgets it. */
  hasFired: () => boolean
}

const HOLD_MS = 500
/** A thumb is never quite still. */
const STILL_PX = 10

/** Calls `onPress` when a finger rests on an element. */
export function useLongPress(onPress: (target: EventTarget | null) => void): LongPress {
  const held = useRef({ timer: 0, x: 0, y: 0, hasFired: false, isTouch: false })
  const end = (): void => clearTimeout(held.current.timer)
  return {
    hasFired: () => {
      const { hasFired } = held.current
      held.current.hasFired = false
      return hasFired
    },
    handlers: {
      onPointerDown: ({ pointerType, target, clientX, clientY }) => {
        end()
        const isTouch = pointerType === 'touch'
        const fire = (): void => {
          held.current.hasFired = true
          onPress(target)
        }
        const timer = isTouch ? window.setTimeout(fire, HOLD_MS) : 0
        held.current = { timer, x: clientX, y: clientY, hasFired: false, isTouch }
      },
      onPointerUp: end,
      onPointerCancel: end,
      onPointerMove: ({ clientX, clientY }) => {
        const { x, y } = held.current
        if (Math.hypot(clientX - x, clientY - y) > STILL_PX) end()
      },
      // The menu of the browser would come at the same time.
      onContextMenu: (event) => {
        if (held.current.isTouch) event.preventDefault()
      },
    },
  }
}
