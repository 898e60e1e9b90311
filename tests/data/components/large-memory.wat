;; A memory that is larger than any policy may have.
(component
  (core module $module
    (memory (export "memory") 1100)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
    (func (export "configure") (param i32 i32) (result i32) i32.const 0))
  (core instance $module (instantiate $module))
  (func $configure (param "config" string) (result (result (error string)))
    (canon lift (core func $module "configure") (memory (core memory $module "memory")) (realloc (core func $module "realloc"))))
  (instance $policy (export "configure" (func $configure)))
  (export "outrigger:policy/policy@0.4.0" (instance $policy)))
