;; Two components in one, each with a memory: what passes a string between them is code of the engine's own.
(component
  (component $inner
    (core module $module
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
      (func (export "take") (param i32 i32)))
    (core instance $module (instantiate $module))
    (func (export "take") (param "text" string)
      (canon lift (core func $module "take") (memory (core memory $module "memory")) (realloc (core func $module "realloc")))))
  (component $outer
    (import "take" (func $take (param "text" string)))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $take (canon lower (func $take) (memory (core memory $memory "memory"))))
    (core module $module
      (import "" "take" (func $take (param i32 i32)))
      (func (export "describe") (call $take (i32.const 0) (i32.const 4))))
    (core instance $module (instantiate $module (with "" (instance (export "take" (func $take))))))
    (func (export "describe") (canon lift (core func $module "describe"))))
  (instance $inner (instantiate $inner))
  (instance $outer (instantiate $outer (with "take" (func $inner "take"))))
  (export "outrigger:policy/policy@0.4.0" (instance $outer)))
