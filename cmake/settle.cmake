# Flags that every target of ours has, and one function a folder.

add_library(settle_flags INTERFACE)
target_compile_options(settle_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -fno-omit-frame-pointer
  # GCC 12 takes Asio's allocation of coroutine frames for a mismatch when it can see all of it.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>
  # And every source that a unity build includes for a header.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>
  # -Wconversion then means the same with both compilers.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>)
# Inlining stops when a unit has grown by so much; a unit of eight sources as they would alone.
if(NOT SETTLE_SANITIZE)
  target_compile_options(settle_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:--param=large-unit-insns=200000>)
endif()
if(SETTLE_FUZZ)
  # The fuzzer is guided by what it covers in our libraries, not only in the target itself.
  target_compile_options(settle_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_include_directories(settle_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(SETTLE_MUTATIONS)
  target_compile_definitions(settle_flags INTERFACE SETTLE_MUTATIONS)
endif()
if(SETTLE_SANITIZE)
  target_compile_options(settle_flags INTERFACE -fsanitize=${SETTLE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(settle_flags INTERFACE -fsanitize=${SETTLE_SANITIZE})
  if(SETTLE_SANITIZE MATCHES thread)
    # ThreadSanitizer does not model fences. Asio's only back up its locks, which it does model.
    target_compile_definitions(settle_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
  # GCC 12 loses track of sizes and initialization there; the release build has these warnings.
  target_compile_options(settle_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()

# settle_library(NAME DEPS target...)
#
# A static library `settle_NAME` from the folder's *.cpp (subfolders included; main.cpp is left for a
# program), and, where there are *_test.cpp files beside them, one test program `NAME_test` that
# ctest runs. It links only what is named here; the direction of includes is held by
# tools/structure.py, since all of src/ is in the include path.
# EXCEPT names subfolders that are targets of their own.
function(settle_library name)
  cmake_parse_arguments(ARG "" "" "DEPS;EXCEPT" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(folder ${ARG_EXCEPT})
    list(FILTER sources EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${folder}/")
  endforeach()
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  add_library(settle_${name} STATIC ${sources})
  target_link_libraries(settle_${name} PRIVATE settle_flags PUBLIC ${ARG_DEPS})
  target_include_directories(settle_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  if(SETTLE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE settle_flags settle_${name} ${RAPIDCHECK_LIBRARY}
      GTest::gtest GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name}_test)
  endif()
endfunction()
